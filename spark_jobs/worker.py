"""Runs in place of `pyspark.daemon` in local sessions: the process that forks Spark's Python workers.

An empty Python task costs 110 ms of CPU by default and 1.3 ms here (200 tasks, two cores). Spark puts two
zips and a jar on the path of its workers, whose tables of contents each task reads again (95 ms of it); a
pip-installed pyspark needs none of them. And each task ends in a garbage collection over all imports.
"""

import gc
import sys


def main() -> None:
    """Clean the path, import what every task of ours needs, then serve as Spark's own daemon does."""
    archives = [entry for entry in sys.path if entry.endswith((".zip", ".jar"))]
    sys.path[:] = [entry for entry in sys.path if entry not in archives]
    for entry in archives:
        sys.path_importer_cache.pop(entry, None)

    import pandas  # noqa: F401  mapInArrow asks for it
    import pyarrow.compute  # noqa: F401
    from pyspark.daemon import manager

    # A worker collects garbage after each task; what was imported here is none, and need not be looked at.
    gc.freeze()
    manager()


if __name__ == "__main__":
    main()
