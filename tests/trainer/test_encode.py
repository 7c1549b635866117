"""Arrow rows to arrays: the same from text and from ids, in any chunks, and nothing unknown passes."""

import numpy as np
import pyarrow as pa
import pytest

from schemas.tokenizer import UNK, Tokenizer
from tests.tiny_models import words_model
from trainer.encode import encode
from trainer.errors import SnapshotError

TEXTS = ["the ferry left", "", "鳥", "with nine passengers"]


SCHEMA = pa.schema([("seq_id", pa.int64()), *((name, pa.string()) for name in ("lang", "form", "text"))])


def rows(lang="en", form="spoken", n=4) -> pa.Table:
    columns = {"seq_id": range(n), "lang": [lang] * n, "form": [form] * n, "text": TEXTS[:n]}
    return pa.table(columns, SCHEMA)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_bytes(words_model())


def as_ids(table: pa.Table, tokenizer) -> pa.Table:
    return table.drop_columns(["text"]).append_column("ids", tokenizer.encode(table["text"]))


def test_rows_lie_end_to_end_with_their_lengths(tokenizer):
    got = encode(rows(), tokenizer, ("de", "en"))
    alone = [tokenizer.processor.encode(text) for text in TEXTS]
    assert got.ids.tolist() == [n for ids in alone for n in ids]
    assert got.lengths.tolist() == [len(ids) for ids in alone]
    assert UNK in alone[2]
    assert (got.lang.tolist(), got.form.tolist(), got.seq_ids.tolist()) == ([1] * 4, [0] * 4, [0, 1, 2, 3])


def test_text_and_ids_in_any_chunks_are_the_same(tokenizer):
    whole = encode(rows(), tokenizer, ("en",))
    ids = as_ids(rows(), tokenizer)
    dictionary = pa.dictionary(pa.int32(), pa.string())
    for n, name in ((1, "lang"), (2, "form")):
        ids = ids.set_column(n, name, ids[name].cast(dictionary))
    pieces = pa.concat_tables([ids.slice(1, 2), ids.slice(3), ids.slice(0, 1)])
    got = encode(pieces.take([3, 0, 1, 2]), tokenizer, ("en",))
    for name in whole.__slots__:
        assert np.array_equal(getattr(got, name), getattr(whole, name)), name
    shuffled = encode(pieces, tokenizer, ("en",))
    assert shuffled.lengths.tolist() == whole.lengths[[1, 2, 3, 0]].tolist()


def test_no_rows_are_no_tokens(tokenizer):
    for table in (rows(n=0), as_ids(rows(n=0), tokenizer), as_ids(rows(), tokenizer).slice(0, 0)):
        got = encode(table, tokenizer, ("en",))
        assert (len(got.ids), len(got.lengths), len(got.seq_ids)) == (0, 0, 0)


@pytest.mark.parametrize(("column", "value"), [("lang", "xx"), ("form", "sung")])
def test_a_language_or_a_form_that_the_release_does_not_name_is_refused(tokenizer, column, value):
    with pytest.raises(SnapshotError, match=f"{column} is '{value}'"):
        encode(rows(**{column: value}), tokenizer, ("en",))
