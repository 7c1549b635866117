"""SentencePiece's trainer in a process of its own: `python -m spark_jobs.tokenizer.fit JOB.json`.

It takes gigabytes and gives them back only at its end, aborts the process on some errors, and tells how far
it is only on stderr; so the driver starts it, reads what it says and lives on. The job file names an Arrow
IPC file with a `text` column, the model to write and SentencePiece's options.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa


def sentences(path: str) -> Iterator[bytes]:
    """The sentences of an Arrow file, a batch in memory at a time."""
    with pa.memory_map(path) as source, pa.ipc.open_file(source) as reader:
        for n in range(reader.num_record_batches):
            yield from reader.get_batch(n)["text"].cast(pa.binary()).to_pylist()


def main() -> int:
    """Train; the last line of stdout says how much memory it took at most, in bytes."""
    import sentencepiece

    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=sentences(job["sentences"]), model_writer=model, **job["options"]
        )
    except (RuntimeError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    Path(job["model"]).write_bytes(model.getvalue())
    print(json.dumps({"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
