"""The version of this software: of the distribution, of both commands, and in every release.json."""

VERSION = "0.1.0"
