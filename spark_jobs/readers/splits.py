"""How a file is cut into splits. A function of the file alone: ordinals count from where splits begin."""

from __future__ import annotations

from spark_jobs.readers.records import SPLIT_BYTES, Split


def whole(uri: str, size: int) -> list[Split]:
    """One split: the format has no records that can be found from the middle of a file."""
    del size
    return [Split(uri=uri)]


def by_bytes(uri: str, size: int, split_bytes: int = SPLIT_BYTES) -> list[Split]:
    """Even byte ranges of a plain file; a compressed one is one split."""
    if size <= split_bytes or _codec(uri) != "plain":
        return whole(uri, size)
    return ranges(uri, size, split_bytes)


def by_streams(uri: str, size: int, split_bytes: int = SPLIT_BYTES) -> list[Split]:
    """Even byte ranges of a plain or bzip2 file, where a stream belongs to the range it starts in."""
    if size <= split_bytes or _codec(uri) not in {"plain", "bzip2"}:
        return whole(uri, size)
    return ranges(uri, size, split_bytes)


def ranges(uri: str, size: int, split_bytes: int) -> list[Split]:
    """Ranges of `split_bytes`, the last one up to twice that short of one byte, rather than a crumb."""
    starts = range(0, max(1, size - split_bytes + 1), split_bytes)
    ends = [*starts[1:], None]
    return [Split(uri=uri, start=start, end=end) for start, end in zip(starts, ends, strict=True)]


def by_row_groups(uri: str, size: int, split_bytes: int = SPLIT_BYTES) -> list[Split]:
    """Byte ranges of a Parquet file: a row group belongs to the range in which its first byte lies."""
    return whole(uri, size) if size <= split_bytes else ranges(uri, size, split_bytes)


def _codec(uri: str) -> str:
    """The codec by magic; "plain", or "utf-16" where the whole file is one rejection."""
    from spark_jobs.readers.compression import codec_of
    from spark_jobs.readers.storage import Stored, opened

    with opened(uri) as file:
        head = Stored(file).peek(16)
    codec = codec_of(head)
    if codec is not None:
        return codec.name
    return "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "plain"
