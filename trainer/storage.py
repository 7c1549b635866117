"""Files on a local path or under s3://, through one file system interface (pyarrow.fs); reading only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyarrow import fs


def open_filesystem(uri: str) -> tuple[Any, str]:
    """The file system of a URI or local path, and the path inside it.

    s3:// takes credentials, region and end point from where the AWS tools take them; the end point of an
    emulator or of another store is AWS_ENDPOINT_URL.
    """
    if "://" in uri:
        filesystem, path = fs.FileSystem.from_uri(uri)
        return filesystem, path
    return fs.LocalFileSystem(), str(Path(uri).expanduser().absolute())


def is_local(uri: str) -> bool:
    """Whether files there can be mapped into memory as they are."""
    return "://" not in uri


def join(root: str, *parts: str) -> str:
    """`root/part/part`, for paths and URIs alike."""
    return "/".join([root.rstrip("/") or "/", *(part.strip("/") for part in parts)])


def read_bytes(uri: str) -> bytes:
    """A whole small file; FileNotFoundError where there is none."""
    filesystem, path = open_filesystem(uri)
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())


def folders(uri: str) -> list[str]:
    """Names of what lies in a folder; none where there is no folder."""
    filesystem, path = open_filesystem(uri)
    found = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return sorted(str(info.base_name) for info in found)


def sizes(root: str, paths: list[str]) -> list[int | None]:
    """Bytes of each file below a root; None where there is none."""
    filesystem, base = open_filesystem(root)
    found = filesystem.get_file_info([join(base, path) for path in paths])
    return [int(info.size) if info.type == fs.FileType.File else None for info in found]
