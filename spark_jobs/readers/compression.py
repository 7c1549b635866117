"""How stored files are compressed: told by their magic, the extension helps only where there is none.

gzip goes through ISA-L: 670 MB/s of text in pieces of 512 bytes, where zlib makes 340.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

OUT_BYTES = 1024 * 1024
"""A decoder is asked for this much at a time, so that an archive bomb costs time and not memory."""
XZ_MEMORY = 512 * 1024 * 1024
"""`xz -9` needs 65 MB; a file that asks for a larger dictionary than this is refused."""
ZST_WINDOW = 2**27
"""128 MB, the limit of the zstd command as well (`--long=27`)."""
MAGIC_BYTES = 10
"""No magic is longer."""


class Decoder(Protocol):
    """Undoes one member: a gzip member, an xz or bzip2 stream, a zstd frame."""

    def decoded(self, piece: bytes) -> Iterable[bytes]:
        """What `piece` adds."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def unused_data(self) -> bytes:
        """What of the last piece lies behind its end."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One way of compression: how to know it and how to undo it."""

    name: str
    magic: re.Pattern[bytes]
    """What every member starts with."""
    start: bytes
    """Fixed bytes of the magic, to know a file that ends within it."""
    extensions: tuple[str, ...]
    piece_bytes: int
    """Stored bytes decoded at once."""
    decoder: Callable[[], Decoder]
    padding: bool = False
    """Zeros may stand behind a member."""
    splits: bool = False
    """The magic is long enough to find members from anywhere: to go on after damage, to begin a split."""


class _Whole:
    """A decoder whose output for a piece is small anyway."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def decoded(self, piece: bytes) -> Iterable[bytes]:
        return (self._decoder.decompress(piece),)

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._decoder.unused_data)


class _Bounded(_Whole):
    """A decoder that can stop after `OUT_BYTES`: a piece of bzip2 or xz may hold a thousand times itself."""

    def decoded(self, piece: bytes) -> Iterator[bytes]:
        yield self._decoder.decompress(piece, OUT_BYTES)
        while not (self._decoder.eof or self._decoder.needs_input):
            yield self._decoder.decompress(b"", OUT_BYTES)


def _gzip() -> Decoder:
    from isal import isal_zlib

    return _Whole(isal_zlib.decompressobj(31))


def _zstd() -> Decoder:
    import zstandard

    return _Whole(zstandard.ZstdDecompressor(max_window_size=ZST_WINDOW).decompressobj())


def _xz() -> Decoder:
    import lzma

    return _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY))


def _bzip2() -> Decoder:
    import bz2

    return _Bounded(bz2.BZ2Decompressor())


_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_XZ = b"\xfd7zXZ\x00"
# A level and the first block, or the end of a stream without any: 80 bits, never met by chance.
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
CODECS = (
    Codec("gzip", re.compile(_GZIP), _GZIP, (".gz", ".gzip"), 512, _gzip, padding=True),
    # Or a skippable frame. A run-length block makes 128 KB of 4 bytes, so a piece makes 32 MB at the worst.
    Codec(
        "zstd",
        re.compile(re.escape(_ZSTD) + rb"|[\x50-\x5f]\x2a\x4d\x18"),
        _ZSTD,
        (".zst", ".zstd"),
        1024,
        _zstd,
    ),
    Codec("xz", re.compile(_XZ), _XZ, (".xz",), 4096, _xz, padding=True),
    Codec("bzip2", _BZIP2, b"BZh", (".bz2",), 4096, _bzip2, splits=True),
)

FOREIGN = {
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"\x1f\x9d": "compress (.Z)",
    b"Obj\x01": "Avro",
    b"PAR1": "Parquet",
}
"""Magic of what is not read as text, to say so once and not for every line."""


def codec_of(head: bytes) -> Codec | None:
    """The codec whose magic a file begins with."""
    return next((codec for codec in CODECS if codec.magic.match(head)), None)


def codec_named(uri: str) -> Codec | None:
    """The codec that the extension of a file promises."""
    return next((codec for codec in CODECS if uri.lower().endswith(codec.extensions)), None)


def decode_errors(codec: Codec) -> tuple[type[Exception], ...]:
    """What a decoder of this codec raises on damage."""
    if codec.name == "gzip":
        from isal.igzip_lib import IsalError

        # Its type stub says an instance.
        return (cast("type[Exception]", IsalError),)
    if codec.name == "zstd":
        import zstandard

        return (zstandard.ZstdError,)
    if codec.name == "xz":
        import lzma

        return (lzma.LZMAError,)
    return (OSError,)
