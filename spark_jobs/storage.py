"""Files on a local path or under s3://, through one file system interface (pyarrow.fs)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xxhash
from pyarrow import fs

WHOLE_HASH_BYTES = 64 << 20
"""Local files up to this size are told apart by their whole content, larger ones by size and time."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: its path in its file system, its URI, size in bytes and time of change."""

    uri: str
    size: int
    modified: datetime | None


def open_filesystem(uri: str) -> tuple[Any, str]:
    """The file system of a URI or local path, and the path inside it."""
    if "://" in uri:
        filesystem, path = fs.FileSystem.from_uri(uri)
        return filesystem, path
    return fs.LocalFileSystem(), str(Path(uri).expanduser().absolute())


def join(root: str, *parts: str) -> str:
    """`root/part/part`, for paths and URIs alike."""
    return "/".join([root.rstrip("/"), *(part.strip("/") for part in parts)]) or "/"


def rooted(root: str, pattern: str) -> tuple[str, str]:
    """Where a pattern starts from, and the rest of it: `root`, unless it names a place of its own, such as
    another bucket ("s3://utterances/2026/*") or a path from "/"."""
    scheme, separator, path = pattern.partition("://")
    if separator and scheme != "file":
        bucket, _, below = path.partition("/")
        return f"{scheme}://{bucket}", below
    here = path if separator else pattern
    return ("/", here.lstrip("/")) if here.startswith("/") and here.strip("/") else (root, here)


def full_pattern(root: str, pattern: str) -> str:
    """A pattern with the place that it starts from, for messages."""
    return join(*rooted(root, pattern))


def find(root: str, pattern: str) -> Iterator[tuple[str, StoredFile]]:
    """Files below `root` that a pattern names, as (path relative to root, file), in order of their names.

    A pattern may have a root of its own, see `rooted`.
    `*`, `?` and `[a-z]` stay inside one folder, `**` crosses folders, and a pattern that names a folder
    means all files below it, "." the root. Names that begin with a dot or an underscore are not data.
    """
    root, pattern = rooted(root, pattern)
    pattern = "/".join(part for part in pattern.split("/") if part not in ("", ".")) or "**"
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    folder = fixed.rstrip("/") if fixed == pattern else fixed.rpartition("/")[0]
    filesystem, base = open_filesystem(root)
    start = f"{base.rstrip('/')}/{folder}".rstrip("/")
    info = filesystem.get_file_info(start)
    if info.type == fs.FileType.File:
        found = [info]
    elif info.type == fs.FileType.Directory:
        found = filesystem.get_file_info(fs.FileSelector(start, recursive=True))
    else:
        found = []
    accept = re.compile(glob_regex(pattern))
    for entry in sorted(found, key=lambda entry: str(entry.path)):
        relative = entry.path[len(base.rstrip("/")) + 1 :]
        hidden = any(part.startswith((".", "_")) and part != ".." for part in relative.split("/"))
        if entry.type == fs.FileType.File and not hidden and accept.fullmatch(relative):
            yield relative, StoredFile(join(root, relative), int(entry.size), entry.mtime)


def glob_regex(pattern: str) -> str:
    """A glob as a regular expression over relative paths."""
    out = ""
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|[^*?\[]+|\[", pattern.strip("/")):
        known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        out += known.get(token) or (_one_of(token) if token[0] == "[" else re.escape(token))
    return out + r"(?:/.*)?"


def _one_of(token: str) -> str:
    """`[abc]`, `[a-f]` and `[!a]` as regular expressions; what is none of them names itself."""
    negated = token[1:2] == "!"
    # "--" is kept for differences of sets by a later Python, as "&&" and the like.
    members = re.sub(r"([\\^\[&~|]|-(?=-)|(?<=-)-)", r"\\\1", token[1:-1].removeprefix("!"))
    try:
        return re.compile(f"[{'^/' if negated else ''}{members}]").pattern
    except re.error:  # an empty class, or one that runs backwards
        return re.escape(token)


def content_id(file: StoredFile) -> str:
    """What tells one version of a file from another, as 16 hexadecimal digits.

    A small local file is hashed whole, so a copy or a fresh clone has the same id. For large and remote
    files size and time of change have to do: reading a terabyte to find that nothing changed would cost as
    much as ingest.
    """
    filesystem, path = open_filesystem(file.uri)
    if isinstance(filesystem, fs.LocalFileSystem) and file.size <= WHOLE_HASH_BYTES:
        return xxhash.xxh3_64_hexdigest(Path(path).read_bytes())
    changed = (file.modified or datetime.fromtimestamp(0, UTC)).isoformat()
    return xxhash.xxh3_64_hexdigest(f"{file.size} {changed}".encode())


def exists(uri: str) -> bool:
    """Whether a file or a folder stands there."""
    filesystem, path = open_filesystem(uri)
    return bool(filesystem.get_file_info(path).type != fs.FileType.NotFound)


def read_bytes(uri: str) -> bytes:
    """A whole small file."""
    filesystem, path = open_filesystem(uri)
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())


def write_bytes(uri: str, content: bytes) -> None:
    """Write a small file at once: a reader sees the old one, the new one or none, never a part."""
    with writing(uri) as stream:
        stream.write(content)


@contextmanager
def writing(uri: str) -> Iterator[Any]:
    """A stream to a file that readers see when the block is left; of two writers the last one wins, whole.

    If the block fails, a local file is not there. An object store may hold what was written so far, as
    closing the stream is what publishes it: a format with an end of its own, such as Parquet, tells.
    """
    filesystem, path = open_filesystem(uri)
    if not isinstance(filesystem, fs.LocalFileSystem):
        with filesystem.open_output_stream(path) as stream:
            yield stream
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        with filesystem.open_output_stream(str(partial)) as stream:
            yield stream
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def delete_file(uri: str) -> None:
    """Remove a file; OSError where there is none."""
    filesystem, path = open_filesystem(uri)
    filesystem.delete_file(path)


def delete_folder(uri: str) -> None:
    """Remove a folder and all below it; nothing where there is none."""
    filesystem, path = open_filesystem(uri)
    if filesystem.get_file_info(path).type == fs.FileType.Directory:
        filesystem.delete_dir(path)
