"""SentencePiece and nothing else: the floor of tokenize.py, in a process of its own.

`python -P sentencepiece_loop.py FOLDER MODEL bytes|strings` reads the column `text` of each Parquet file of
the folder batch by batch, encodes it and drops the ids. Prints what it counted and the CPU seconds of the
loop, reading included; the start of Python and the loading of the model are left out.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sentencepiece

BATCH_ROWS = 512  # some 2 MB of text; 128 to 2048 rows make no difference


def loop(folder: Path, processor: Any, type_: pa.DataType) -> dict[str, float]:
    """Rows, text bytes, tokens and CPU seconds. `type_`: what the encoder is given, binary or string."""
    rows = size = tokens = 0
    began = time.process_time()
    for file in sorted(folder.glob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=["text"], use_threads=False):
            texts = batch["text"].cast(type_)
            encoded = processor.encode(texts.to_pylist(), return_type="numpy", num_threads=1)
            rows += batch.num_rows
            size += pc.sum(pc.binary_length(texts)).as_py()
            tokens += sum(map(len, encoded))
    return {"rows": rows, "bytes": size, "tokens": tokens, "cpu_s": time.process_time() - began}


if __name__ == "__main__":
    pa.set_cpu_count(1)
    model = sentencepiece.SentencePieceProcessor(model_file=sys.argv[2])
    given = {"bytes": pa.binary(), "strings": pa.string()}[sys.argv[3]]
    print(json.dumps(loop(Path(sys.argv[1]), model, given)))
