"""Exact de-duplication of documents by datatrove, as in its own example: the peer of corpus.py.

Run by the peer's own Python: `python -P datatrove_dedup.py INPUT_DIR WORK_DIR TASKS`; prints the survivors.
"""

import sys
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import ExactDedupFilter, ExactDedupSignature, ExactFindDedups
from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import ParquetWriter
from loguru import logger


def main(source: str, work: str, tasks: int) -> None:
    """Signatures, duplicates, survivors to Parquet; three stages as in datatrove's examples."""
    logger.remove()
    config = ExactDedupConfig(content_getter=lambda document: document.text)
    sign = [JsonlReader(source), ExactDedupSignature(f"{work}/signatures", config=config)]
    find = [ExactFindDedups(f"{work}/signatures", f"{work}/duplicates", config=config)]
    keep = [
        JsonlReader(source),
        ExactDedupFilter(f"{work}/duplicates", config=config),
        ParquetWriter(f"{work}/out", compression="zstd"),
    ]
    for name, steps, count in (("sign", sign, tasks), ("find", find, 1), ("keep", keep, tasks)):
        executor = LocalPipelineExecutor(
            pipeline=steps, tasks=count, workers=count, logging_dir=f"{work}/logs/{name}"
        )
        executor.run()


def survivors(work: str) -> int:
    """Rows of the written Parquet."""
    import pyarrow.parquet as pq

    return sum(pq.ParquetFile(file).metadata.num_rows for file in Path(work, "out").glob("**/*.parquet"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print(survivors(sys.argv[2]))
