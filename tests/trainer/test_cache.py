"""Copies of remote files: fetched once, under a limit, and never used when they are damaged."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.trainer.releases import make_release
from trainer.cache import CacheConfig, FileCache
from trainer.errors import TeacherError
from trainer.share import Share, StreamConfig, open_tokenizer
from trainer.snapshot import open_snapshot
from trainer.state import Position


@pytest.fixture
def remote(made, tmp_path):
    """A folder that stands for a remote table, its files, and a cache that holds any two of them."""
    snapshot = open_snapshot(str(made.release))
    shutil.copytree(made.release / "stage1", tmp_path / "remote")
    sizes = sorted(file.size for file in snapshot.text)
    config = CacheConfig(folder=str(tmp_path / "cache"), limit_bytes=sizes[-1] + sizes[-2])
    return str(tmp_path / "remote"), snapshot.text, config


def bytes_held(config) -> int:
    return sum(path.stat().st_size for path in Path(config.folder).iterdir() if not path.suffix)


def test_a_file_is_fetched_once_and_found_by_the_next_process(remote):
    uri, files, config = remote
    first, second = FileCache(config), FileCache(config)
    copies = {cache.local(uri, files[0]) for cache in (first, first, second)}
    assert len(copies) == 1
    assert Path(*copies).read_bytes() == Path(uri, files[0].path).read_bytes()
    assert (first.misses, first.hits, first.fetched_bytes) == (1, 1, files[0].size)
    assert (second.misses, second.hits, second.fetched_bytes) == (0, 1, 0)


def test_the_least_recently_used_goes_when_the_limit_is_reached(remote):
    uri, files, config = remote
    cache = FileCache(config)
    one, two = cache.local(uri, files[0]), cache.local(uri, files[1])
    cache.local(uri, files[0])  # used again: the other one is older now
    three = cache.local(uri, files[2])
    assert bytes_held(config) <= config.limit_bytes
    assert [Path(path).exists() for path in (one, two, three)] == [True, False, True]
    cache.local(uri, files[1])
    assert (cache.misses, bytes_held(config) <= config.limit_bytes) == (4, True)


def test_a_file_over_the_limit_is_read_where_it_lies(remote):
    uri, files, config = remote
    cache = FileCache(CacheConfig(folder=config.folder, limit_bytes=files[0].size - 1))
    assert cache.local(uri, files[0]) is None
    assert not Path(config.folder).exists()


@pytest.mark.parametrize("damage", ["flipped", "cut short", "without its hash"])
def test_a_damaged_copy_is_fetched_anew(remote, damage):
    uri, files, config = remote
    copy = Path(FileCache(config).local(uri, files[0]))
    good = copy.read_bytes()
    if damage == "flipped":
        copy.write_bytes(good[:500] + bytes([good[500] ^ 1]) + good[501:])
    elif damage == "cut short":
        copy.write_bytes(good[:-1])
    else:
        copy.with_suffix(".xxh3").unlink()
    again = FileCache(config)
    assert again.local(uri, files[0]) == str(copy)
    assert copy.read_bytes() == good
    assert (again.misses, again.hits) == (1, 0)


def test_another_file_of_the_same_name_is_another_copy(remote, tmp_path):
    uri, files, config = remote
    other = open_snapshot(str(make_release(tmp_path / "other", ((9,),)).release))
    cache = FileCache(config)
    kept = cache.local(uri, files[0])
    renamed = type(files[0])(files[0].path, other.text[0].size, (9,), other.text[0].footer, (), ())
    shutil.copy(Path(other.uri, other.text[0].path), Path(uri, files[0].path))
    assert cache.local(uri, renamed) != kept


def test_a_file_that_changed_its_size_during_a_run_is_named_and_leaves_nothing(remote):
    uri, files, config = remote
    Path(uri, files[0].path).write_bytes(b"short")
    with pytest.raises(TeacherError, match=f"{files[0].path} has 5 bytes, the run pinned {files[0].size:,}"):
        FileCache(config).local(uri, files[0])
    assert [path for path in Path(config.folder).iterdir() if path.suffix != ".lock"] == []


def test_of_many_that_want_a_file_at_once_one_fetches_it(remote):
    uri, files, config = remote
    caches = [FileCache(config) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        copies = set(pool.map(lambda cache: cache.local(uri, files[0]), caches))
    assert len(copies) == 1
    assert (sum(cache.misses for cache in caches), sum(cache.hits for cache in caches)) == (1, 7)


def test_without_room_beside_what_others_fetch_a_file_is_read_where_it_lies(remote):
    uri, files, config = remote
    Path(config.folder).mkdir()
    (Path(config.folder) / "0.1.partial").write_bytes(bytes(config.limit_bytes))
    assert FileCache(config).local(uri, files[0]) is None
    assert bytes_held(config) == 0


def test_what_a_killed_process_left_counts_until_it_is_old_and_then_goes(remote, monkeypatch):
    uri, files, config = remote
    folder = Path(config.folder)
    folder.mkdir()
    left = folder / "0.1.partial"
    left.write_bytes(bytes(config.limit_bytes - files[0].size))
    cache = FileCache(config)
    cache.local(uri, files[0])
    assert left.exists()
    monkeypatch.setattr("trainer.cache._ABANDONED_S", -1.0)
    cache.local(uri, files[1])
    assert not left.exists()


def test_what_arrives_between_two_batches_is_counted_with_the_next(made, tmp_path):
    """A file that comes ahead is fetched while the model trains; a figure of it must not be lost."""
    config = StreamConfig(batch_rows=8, max_tokens=64, cache=CacheConfig(folder=str(tmp_path / "cache")))
    snapshot = open_snapshot(str(made.release))
    share = Share(snapshot, open_tokenizer(str(made.tokenizer), snapshot), config, 0, 1)
    share.make(Position())
    share._cache.fetched_bytes += 7
    _, counts = share.make(Position(0, 8))
    assert counts.fetched_bytes == 7
    share.close()
