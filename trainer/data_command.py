"""`teacher data`: what a training run would read from a release, and whether all of it is there."""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

from schemas.tokens import TOKENS
from trainer.batches import digest
from trainer.census import by_name, count_rows
from trainer.errors import ConfigError
from trainer.release import Release, find_tokenizer, read_release
from trainer.share import StreamConfig
from trainer.snapshot import Reads, Snapshot, open_snapshot
from trainer.stream import Stream

_HASHED = 2  # global batches that are hashed


def inspect(options: argparse.Namespace) -> dict[str, Any]:
    """Pin the release, count, read for a moment, hash the first batches; the figures of the command."""
    release = read_release(options.release)
    reads = chosen_reads(release, options)
    folder = options.tokenizer or find_tokenizer(release)
    config = StreamConfig(
        seed=options.seed,
        batch_rows=options.batch_rows,
        max_tokens=options.max_tokens,
        lanes=options.lanes,
        microbatch_tokens=max(options.max_tokens, StreamConfig().microbatch_tokens),
    )
    if not 1 <= options.world_size <= config.batch_rows:
        accepted = f"1 to {config.batch_rows} (--batch-rows)"
        raise ConfigError("--world-size", options.world_size, accepted=accepted)
    snapshot = open_snapshot(release, stage=options.stage, reads=reads, split=options.split)
    figures = described(release, snapshot)
    if folder is not None:
        figures["tokenizer"] = folder
        figures["short_read"] = short_read(snapshot, folder, config, options.seconds)
        figures["first_batches"] = {
            "batch_rows": config.batch_rows,
            "world_size": options.world_size,
            "hashes": first_batches(snapshot, folder, config, options.world_size),
        }
    return figures


def chosen_reads(release: Release, options: argparse.Namespace) -> Reads:
    """What was asked for; else ids where the release has them, unless a tokenizer was named."""
    if options.reads:
        return "tokens" if options.reads == "tokens" else "text"
    has_ids = TOKENS.name in release.tables and options.stage == 1 and options.tokenizer is None
    return "tokens" if has_ids and find_tokenizer(release) is not None else "text"


def described(release: Release, snapshot: Snapshot) -> dict[str, Any]:
    """What was pinned and counted."""
    entry = release.table(TOKENS.name if snapshot.reads == "tokens" else snapshot.stage)
    counted, units = count_rows(snapshot)
    return {
        "release": release.name,
        "where": release.uri,
        "table": entry.path,
        "version": entry.version,
        "stage": snapshot.stage,
        "split": snapshot.split,
        "fingerprint": snapshot.fingerprint,
        "files": len(snapshot.files),
        "bytes": sum(file.size for file in snapshot.files),
        "rows": snapshot.rows,
        "units": len(snapshot.unit_rows),
        "units_counted": units,
        "rows_by": by_name(counted, snapshot.languages),
        "words_by": {lang: forms for lang, forms in sorted(entry.words.items()) if any(forms.values())},
    }


def short_read(snapshot: Snapshot, folder: str, config: StreamConfig, seconds: float) -> dict[str, Any]:
    """Read batches for so many seconds at least, one batch at least, in this process."""
    with Stream(snapshot, folder, config) as stream:
        began, cpu = time.perf_counter(), time.process_time()
        for _ in stream:
            if time.perf_counter() - began >= seconds:
                break
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        figures = stream.window()
    tokens, read = figures["tokens"], figures["read_bytes"]
    assert isinstance(tokens, int)
    assert isinstance(read, int)
    names = ("steps", "rows", "pieces", "tokens", "masked_tokens", "padding_share", "truncated_share", "fill")
    return {
        **{name: figures[name] for name in names},
        "wall_s": wall,
        "cpu_s": cpu,
        "tokens_a_second": tokens / wall,
        "tokens_a_cpu_second": tokens / cpu,
        "read_mb_a_second": read / 1e6 / wall,
    }


def first_batches(snapshot: Snapshot, folder: str, config: StreamConfig, world_size: int) -> list[str]:
    """Hashes of the first global batches, each put together from all ranks."""
    ranks = [Stream(snapshot, folder, config, rank=r, world_size=world_size) for r in range(world_size)]
    batches = [[next(rank).microbatches for rank in ranks] for _ in range(_HASHED)]
    for rank in ranks:
        rank.close()
    return [digest(itertools.chain.from_iterable(parts)) for parts in batches]


def in_words(figures: dict[str, Any]) -> str:
    """The figures as a page of text."""
    split = f" in split {figures['split']}" if figures["split"] else ""
    lines = [
        f"release {figures['release']}  {figures['where']}",
        f"{figures['table']} at version {figures['version']}: {figures['files']:,} files, "
        f"{figures['bytes'] / 1e6:,.1f} MB, {figures['rows']:,} rows{split} in {figures['units']:,} units",
        f"fingerprint {figures['fingerprint']}; every file is there, of its size, with its footer",
        "",
        *_table(figures),
        "",
    ]
    if figures["units_counted"] < figures["units"]:
        lines.insert(-1, f"rows of {figures['units_counted']:,} of the {figures['units']:,} units")
    if "short_read" not in figures:
        return "\n".join([*lines, "nothing was read: no tokenizer is named (--tokenizer FOLDER)"])
    read, first = figures["short_read"], figures["first_batches"]
    lines += [
        f"tokenizer {figures['tokenizer']}",
        f"short read: {read['tokens']:,} tokens of {read['rows']:,} rows in {read['wall_s']:.1f} s, "
        f"{read['tokens_a_cpu_second'] / 1e6:.2f} M tokens a CPU second, "
        f"{read['read_mb_a_second']:,.0f} MB a second",
        f"{read['pieces']:,} pieces, {read['masked_tokens']:,} tokens to predict, "
        f"padding {read['padding_share']:.1%}, truncated {read['truncated_share']:.1%}, "
        f"microbatches {read['fill']:.1%} full",
        f"first global batches of {first['batch_rows']:,} rows from {first['world_size']} ranks: "
        + " ".join(first["hashes"]),
    ]
    return "\n".join(lines)


def _table(figures: dict[str, Any]) -> list[str]:
    """Rows and words by language and form."""
    titles = ("rows spoken", "rows written", "words spoken", "words written")
    lines = [" " * 6 + "".join(f"{title:>15}" for title in titles)]
    for lang, words in figures["words_by"].items():
        rows = figures["rows_by"].get(lang, {})
        cells = [
            *(rows.get(f, 0) for f in ("spoken", "written")),
            *(words.get(f, 0) for f in ("spoken", "written")),
        ]
        lines.append(f"{lang:<6}" + "".join(f"{cell:>15,}" for cell in cells))
    return lines
