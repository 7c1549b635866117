"""The data plane: readers, the steps from raw text to packs, the build, and the `corpus` command."""
