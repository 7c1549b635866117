"""The utterance files of a recipe, and which version of each."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import xxhash

from spark_jobs import storage
from spark_jobs.config import plain
from spark_jobs.errors import ConfigError
from spark_jobs.inputs import InputFile
from spark_jobs.utterances.config import UtterancesConfig

CODE = "utterances_v1"
"""Change this when the same file gives other rows: what was read under the old name is read again."""


def resolve(config: UtterancesConfig, root: str) -> list[InputFile]:
    """The files of all sources, in order of source priority and origin; ConfigError where a path has none."""
    found: list[InputFile] = []
    for index, source in enumerate(config.sources):
        files = list(storage.find(root, source.path))
        if not files:
            raise ConfigError(
                f"utterances.sources.{source.name}.path",
                source.path,
                accepted="a glob or folder that holds at least one file",
                where=storage.full_pattern(root, source.path),
            )
        # All that decides what rows a file gives; the window does not, it only picks among them.
        reading = json.dumps([CODE, plain(source), plain(config.anonymise)], sort_keys=True)
        with ThreadPoolExecutor(8) as pool:
            contents = list(pool.map(lambda item: storage.content_id(item[1]), files))
        for (origin, file), content in zip(files, contents, strict=True):
            snapshot = xxhash.xxh3_64_hexdigest(f"{reading}|{origin}|{content}".encode())
            found.append(InputFile(source.name, index, origin, file.uri, file.size, None, content, snapshot))
    return found
