"""A release that Spark built is what the trainer's stream expects: rows, files, text and ids alike."""

import itertools
import shutil

import pytest
from deltalake import DeltaTable

from spark_jobs.tokenizer.apply import Application
from spark_jobs.tokenizer.store import read_model
from tests.integration.tokenizers import House, quiet
from trainer.batches import digest
from trainer.release import find_tokenizer, read_release
from trainer.share import StreamConfig
from trainer.snapshot import open_snapshot
from trainer.stream import Stream


@pytest.fixture(scope="module")
def tokenised(spark, house, tmp_path_factory) -> House:
    """A copy of the warehouse whose release has its tokens."""
    path = tmp_path_factory.mktemp("stream") / "a name with spaces"
    shutil.copytree(house.path, path)
    copy = House(str(path), house.name)
    Application(spark, copy.path, copy.manifest, read_model(copy.path, "t")[0], quiet()).run()
    return copy


def test_the_stream_gives_the_rows_of_a_built_release_and_the_same_from_text_and_ids(tokenised):
    tokenizer = find_tokenizer(read_release(tokenised.release))
    assert tokenizer is not None
    wanted = (
        DeltaTable(f"{tokenised.release}/stage1").to_pyarrow_table(columns=["seq_id"])["seq_id"].to_pylist()
    )
    config = StreamConfig(batch_rows=8, max_tokens=128, lanes=2)
    hashes = []
    for reads in ("text", "tokens"):
        snapshot = open_snapshot(tokenised.release, reads=reads)
        steps = -(-snapshot.rows // config.batch_rows)
        with Stream(snapshot, tokenizer, config) as stream:
            batches = [*itertools.islice(stream, steps)]
        parts = [part for batch in batches for part in batch.microbatches]
        hashes.append(digest(parts))
        rows = [int(n) for part in parts for n in part.seq_ids[part.piece == 0]]
        assert sorted(rows[: snapshot.rows]) == sorted(wanted)
    assert hashes[0] == hashes[1]
