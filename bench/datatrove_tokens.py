"""datatrove's tokenizer step on documents that are read already: the peer of tokenize.py.

Run by the peer's own Python: `python -P datatrove_tokens.py FOLDER PIECES WORK SHARE`. Reads the first rows
of each Parquet file, SHARE of them, into datatrove's documents, then hands them to `DocumentTokenizer`, whose
CPU seconds alone count: encoding and its token files, without the shuffle. PIECES is JSON, the pieces and
scores of a SentencePiece model; they become a Unigram over words that begin with `▁`, with NFKC in place of
SentencePiece's own table of characters. So ids need not be the same.
"""

import json
import os
import sys
from pathlib import Path

import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.tokens import DocumentTokenizer
from loguru import logger
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram


def converted(pieces: list[tuple[str, float]], unk: int) -> Tokenizer:
    """A `tokenizers` Unigram of these [piece, score], in the order of their ids."""
    tokenizer = Tokenizer(Unigram([(piece, score) for piece, score in pieces], unk_id=unk))
    one_space = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), one_space, normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def documents_of(folder: str, share: float) -> list[Document]:
    """The first rows of each file."""
    found = []
    for file in sorted(Path(folder).glob("*.parquet")):
        table = pq.read_table(file, columns=["text", "seq_id"])
        columns = (column.to_pylist() for column in table.slice(0, round(share * table.num_rows)).columns)
        found += [Document(text=text, id=str(number)) for text, number in zip(*columns, strict=True)]
    return found


def main(folder: str, pieces: str, work: str, share: float) -> dict[str, float]:
    """Convert, read, tokenise; rows, text bytes, tokens and CPU seconds of this process and its children."""
    logger.remove()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core, as ours; more threads only cost more CPU
    Path(work).mkdir(parents=True)
    held = json.loads(Path(pieces).read_text("utf-8"))
    converted(held["pieces"], held["unk"]).save(f"{work}/tokenizer.json")
    documents = documents_of(folder, share)
    step = DocumentTokenizer(f"{work}/out", f"{work}/tokenizer.json", shuffle_documents=False)
    step.tokenizer.encode("loaded before the clock starts")
    began = sum(os.times()[:4])
    step.run(iter(documents))
    cpu_s = sum(os.times()[:4]) - began
    size = sum(len(document.text.encode()) for document in documents)
    tokens = step.stats.stats["tokens"].total
    return {"rows": len(documents), "bytes": size, "tokens": tokens, "cpu_s": cpu_s}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))))
