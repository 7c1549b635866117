"""The plain bytes of a split, decompressed as they come; damage is told, and all before it delivered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from spark_jobs.readers.compression import FOREIGN, MAGIC_BYTES, Codec, codec_named, codec_of, decode_errors
from spark_jobs.readers.records import RAW_BYTES, Split
from spark_jobs.readers.storage import Stored, opened

PLAIN_BYTES = 1024 * 1024
"""Bytes of a plain file that are handed on at once."""
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Mark(Enum):
    """What a stream holds beside bytes and damage."""

    SPLIT_END = auto()
    """Records that begin from here on belong to the next split."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Stored bytes that cannot be decoded. Bytes behind it, if any, do not continue those before it."""

    reason: str
    detail: str
    lost_bytes: int
    raw: bytes = b""
    suspect: bool = False
    """All bytes came out, but they are not those that were stored: the checksum differs."""


Event = bytes | Damage | Mark


def events(
    split: Split,
    *,
    lookbehind: int = 0,
    archives_split: bool = False,
    on_read: Callable[[int, int], None] | None = None,
) -> Iterator[Event]:
    """The text bytes of a split, then those behind it until nobody asks for more.

    `lookbehind` bytes before a later split come first, to know whether a record starts right at the split.
    A UTF-8 byte order mark is dropped; a UTF-16 file is one damage. Where archives do not split, the first
    split has everything and the rest nothing; where they do (bzip2 only), a stream belongs to the split in
    which it starts, and nothing comes before it. `on_read` is told the bytes read so far and those there are.
    """
    with opened(split.uri) as file:
        stored = Stored(file, on_read)
        head = stored.peek(RAW_BYTES)
        codec = codec_of(head)
        broken = None if codec else _broken_head(split.uri, head, stored.size)
        if broken:
            if split.start == 0:
                yield broken
        elif codec is None:
            yield from _plain(split, stored, lookbehind)
        elif split.start == 0:
            end = split.end if codec.splits and archives_split else None
            yield from _text(_decoded(stored, codec, end), stored.size)
        elif codec.splits and archives_split:
            stored.move(split.start)
            if stored.seek(codec.magic, MAGIC_BYTES):
                yield from _decoded(stored, codec, split.end)


def _broken_head(uri: str, head: bytes, size: int) -> Damage | None:
    """Damage at the very start: packed in another way, or named as packed and neither that nor plain text."""
    for magic, name in FOREIGN.items():
        if head.startswith(magic):
            detail = f"a {name} file; unpack it, or pack it as gz, zst, xz or bz2"
            return Damage("other_archive", detail, size, head)
    codec = codec_named(uri)
    if codec is None or not head:
        return None
    if len(head) < MAGIC_BYTES and (codec.start.startswith(head) or head.startswith(codec.start)):
        return Damage("truncated_archive", f"{codec.name}: the file ends after {size} bytes", size, head)
    # The last character of the head may be cut.
    text = b"\0" not in head and len(head.decode("utf-8", "ignore").encode()) >= len(head) - 3
    if head.startswith(_UTF16) or (text and not head.startswith(codec.start)):
        return None
    detail = f"{codec.name}: the file does not begin as such, and it is not plain text either"
    return Damage("corrupt_archive", detail, size, head)


def _utf16(head: bytes, size: int) -> Damage:
    detail = "the file is UTF-16 or UTF-32; re-encode it:  iconv -f UTF-16 -t UTF-8 FILE"
    return Damage("utf16", detail, size, head[:RAW_BYTES])


def _plain(split: Split, stored: Stored, lookbehind: int) -> Iterator[Event]:
    head = stored.peek(RAW_BYTES)
    if head.startswith(_UTF16):
        if split.start == 0:
            yield _utf16(head, stored.size)
        return
    first = len(_BOM) if head.startswith(_BOM) else 0
    # A split that would have to look behind the beginning of the file moves on by those few bytes.
    least = first + lookbehind
    start, end = (least if 0 < at < least else at for at in (split.start, split.end or 0))
    stored.move(start - lookbehind if start else first)
    if split.end is not None:
        while stored.position < end and (piece := stored.take(min(PLAIN_BYTES, end - stored.position))):
            yield piece
        yield Mark.SPLIT_END
    while piece := stored.take(PLAIN_BYTES):
        yield piece


def _text(stream: Iterator[Event], size: int) -> Iterator[Event]:
    """The stream without its byte order mark, or one damage where the mark says UTF-16."""
    head = b""
    rest: Event | None = None
    for event in stream:
        if not isinstance(event, bytes):
            rest = event
            break
        head += event
        if len(head) >= len(_BOM):
            break
    if head.startswith(_UTF16):
        yield _utf16(head, size)
        return
    if head := head.removeprefix(_BOM):
        yield head
    if rest is not None:
        yield rest
    yield from stream


def _decoded(stored: Stored, codec: Codec, end: int | None) -> Iterator[Event]:
    """Member after member; from `end` on they belong to the next split."""
    while stored.left:
        if end is not None and stored.position >= end:
            yield Mark.SPLIT_END
            end = None
        start = stored.position
        damage = yield from _member(stored, codec)
        if damage is not None:
            yield _resumed(damage, stored, codec, start)
            continue
        if codec.padding:
            _skip_zeros(stored)
        if stored.left and not codec.magic.match(stored.peek(MAGIC_BYTES)):
            detail = f"{codec.name}: what stands at byte {stored.position:,} does not continue the archive"
            yield _resumed(Damage("corrupt_archive", detail, 0), stored, codec, start)


def _member(stored: Stored, codec: Codec) -> Generator[bytes, None, Damage | None]:
    """The bytes of the member that starts here; returns its damage with `stored` at the first lost byte."""
    start = stored.position
    decoder = codec.decoder()
    errors = decode_errors(codec)
    while not decoder.eof:
        at = stored.position
        piece = stored.take(codec.piece_bytes)
        if not piece:
            detail = f"{codec.name}: the file ends within the stream that began at byte {start:,}"
            return Damage("truncated_archive", detail, 0)
        try:
            for plain in decoder.decoded(piece):
                if plain:
                    yield plain
        except errors as error:
            yield from _up_to_damage(stored, codec, start, at, len(piece))
            suspect = "checksum" in str(error)
            stored.move(at + len(piece) if suspect else at)
            return Damage("corrupt_archive", f"{codec.name}, byte {at:,}: {error}", 0, suspect=suspect)
    stored.move(stored.position - len(decoder.unused_data))
    return None


def _up_to_damage(stored: Stored, codec: Codec, start: int, at: int, n_bytes: int) -> Iterator[bytes]:
    """What the piece at `at` holds before it breaks: the member once more, and then byte by byte.

    A decoder that fails keeps what it had decoded of the piece, which may be all of a small file.
    """
    decoder = codec.decoder()
    stored.move(start)
    while stored.position < at:
        for _ in decoder.decoded(stored.take(min(codec.piece_bytes, at - stored.position))):
            pass
    with contextlib.suppress(*decode_errors(codec)):
        while stored.position < at + n_bytes and not decoder.eof:
            yield from decoder.decoded(stored.take(1))


def _resumed(damage: Damage, stored: Stored, codec: Codec, start: int) -> Damage:
    """The damage with its loss; `stored` stands where the next member starts, or at the end of the file."""
    lost_from = stored.position
    if codec.splits:
        # Damage may be noticed late, behind the beginning of a sound stream: look from the damaged one on.
        stored.move(start + 1)
        stored.seek(codec.magic, MAGIC_BYTES)
    else:
        stored.move(stored.size)
    lost = max(0, stored.position - lost_from)
    return Damage(damage.reason, damage.detail, lost, damage.raw, damage.suspect)


def _skip_zeros(stored: Stored) -> None:
    while stored.peek(1) == b"\0":
        piece = stored.peek(4096)
        stored.take(len(piece) - len(piece.lstrip(b"\0")))
