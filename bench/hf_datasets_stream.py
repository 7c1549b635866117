"""HF datasets streaming with HF tokenizers: the peer of stream.py.

Run by the peer's own Python: `python -P hf_datasets_stream.py FOLDER PIECES SHARE`. Streams a folder of
Parquet until SHARE of all rows is read, through datasets' buffered shuffle, and encodes batches of 512 rows.
Only that: it masks nothing, splits nothing and collates nothing, which is in its favour. PIECES is JSON, the
pieces and scores of a SentencePiece model; they become a Unigram over words that begin with `▁`, with NFKC in
place of SentencePiece's own table of characters. So ids need not be the same.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import load_dataset
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram

BATCH_ROWS = 512
BUFFER_ROWS = 4096


def converted(pieces: list[tuple[str, float]], unk: int) -> Tokenizer:
    """A `tokenizers` Unigram of these [piece, score], in the order of their ids."""
    tokenizer = Tokenizer(Unigram([(piece, score) for piece, score in pieces], unk_id=unk))
    one_space = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), one_space, normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def main(folder: str, pieces: str, share: float) -> dict[str, float]:
    """Rows, text bytes, tokens and CPU seconds of reading, shuffling and encoding; loading left out."""
    held = json.loads(Path(pieces).read_text("utf-8"))
    tokenizer = converted(held["pieces"], held["unk"])
    tokenizer.encode("loaded before the clock starts")
    files = sorted(map(str, Path(folder).glob("*.parquet")))
    wanted = round(share * sum(pq.read_metadata(file).num_rows for file in files))
    data = load_dataset("parquet", data_files=files, split="train", streaming=True)
    rows = size = tokens = 0
    began = time.process_time()
    shuffled = data.select_columns(["seq_id", "text"]).shuffle(seed=2022, buffer_size=BUFFER_ROWS)
    for batch in shuffled.iter(BATCH_ROWS):
        tokens += sum(len(one.ids) for one in tokenizer.encode_batch(batch["text"]))
        rows += len(batch["text"])
        size += sum(len(text.encode()) for text in batch["text"])
        if rows >= wanted:
            break
    return {"rows": rows, "bytes": size, "tokens": tokens, "cpu_s": time.process_time() - began}


if __name__ == "__main__":
    pa.set_cpu_count(1)
    print(json.dumps(main(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
