"""A release under s3:// (moto's server) is read as a local one is, with and without a node's cache."""

import dataclasses
import socket
import subprocess
import sys
import time

import pytest
from pyarrow import fs

from tests.trainer.releases import data_files
from trainer.batches import digest
from trainer.cache import CacheConfig
from trainer.errors import ConfigError, SnapshotError
from trainer.share import StreamConfig
from trainer.snapshot import open_snapshot
from trainer.storage import open_filesystem
from trainer.stream import Stream

CONFIG = StreamConfig(batch_rows=32, max_tokens=24, lanes=2, microbatch_tokens=64)
RELEASE = "s3://bucket/w/releases/r"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log_file = tmp_path_factory.mktemp("moto") / "log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log_file.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        for _ in range(300):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if server.poll() is not None:
                pytest.fail(
                    "moto's server did not start (is the extra dev installed?): " + log_file.read_text()
                )
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
def s3(endpoint, made, monkeypatch):
    """The release `made` in a bucket, its name as a file system and the folder in it."""
    settings = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # Making a bucket is not what the trainer does: its own file system may not.
    allowed = fs.S3FileSystem(endpoint_override=endpoint, region="us-east-1", allow_bucket_creation=True)
    allowed.create_dir("bucket")
    filesystem, folder = open_filesystem("s3://bucket/w")
    fs.copy_files(str(made.release.parents[1]), folder, fs.LocalFileSystem(), filesystem)
    return filesystem


def first_hashes(snapshot, tokenizer, config=CONFIG, n=10):
    with Stream(snapshot, tokenizer, config) as stream:
        return [digest(next(stream).microbatches) for _ in range(n)], stream.window()


@pytest.mark.parametrize("reads", ["text", "tokens"])
def test_the_same_batches_come_from_s3_with_and_without_a_cache(s3, made, tmp_path, reads):
    local = open_snapshot(str(made.release), reads=reads)
    remote = open_snapshot(RELEASE, reads=reads)
    assert remote.fingerprint == local.fingerprint
    wanted, _ = first_hashes(local, str(made.tokenizer))
    got, figures = first_hashes(remote, "s3://bucket/w/tokenizers/t")
    assert got == wanted
    assert figures["fetched_bytes"] == 0
    cached = dataclasses.replace(CONFIG, cache=CacheConfig(folder=str(tmp_path / "cache")))
    got, figures = first_hashes(remote, str(made.tokenizer), cached)
    assert got == wanted
    assert figures["fetched_bytes"] == sum(file.size for file in remote.files)  # each file once
    assert figures["cache_hit_share"] > 0.5


def test_a_cache_of_two_files_keeps_its_limit_and_the_batches(s3, made, tmp_path):
    remote = open_snapshot(RELEASE)
    sizes = sorted(file.size for file in remote.files)
    cache = CacheConfig(folder=str(tmp_path / "cache"), limit_bytes=sum(sizes[-2:]))
    wanted, _ = first_hashes(remote, str(made.tokenizer))
    got, _ = first_hashes(remote, str(made.tokenizer), dataclasses.replace(CONFIG, cache=cache))
    assert got == wanted
    held = [path.stat().st_size for path in (tmp_path / "cache").iterdir() if not path.suffix]
    assert 0 < sum(held) <= cache.limit_bytes


def test_a_copy_damaged_during_a_run_is_read_from_s3(s3, made, tmp_path):
    remote = open_snapshot(RELEASE)
    config = dataclasses.replace(CONFIG, lanes=1, cache=CacheConfig(folder=str(tmp_path / "cache")))
    wanted, _ = first_hashes(remote, str(made.tokenizer), dataclasses.replace(config, cache=None))
    with Stream(remote, str(made.tokenizer), config) as stream:
        got = [digest(next(stream).microbatches) for _ in range(5)]
        for copy in (tmp_path / "cache").iterdir():
            if not copy.suffix:  # looked at already, so only reading it finds out
                copy.write_bytes(bytes(copy.stat().st_size))
        got += [digest(next(stream).microbatches) for _ in range(5)]
    assert got == wanted


def test_a_missing_object_is_named_before_step_0(s3, made):
    remote = open_snapshot(RELEASE)
    name = data_files(made)[1].name
    s3.delete_file(f"bucket/w/releases/r/stage1/{name}")
    with pytest.raises(SnapshotError, match=f"{name} is missing"):
        open_snapshot(RELEASE)
    with pytest.raises(SnapshotError, match=f"{name} is missing"):
        remote.verify()


def test_a_prefix_without_a_release_is_said_so(s3):
    with pytest.raises(ConfigError, match=r"release\.json"):
        open_snapshot("s3://bucket/w/releases/other")
