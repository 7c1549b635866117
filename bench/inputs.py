"""Makes input of any size from a small folder of real text: `python -m bench.inputs --megabytes 450`.

Each document of the folder (mC4 schema, one `<lang>.jsonl.gz` a language) comes several times: once as it is,
then with its lines shuffled among forty neighbours, so that words stay real and documents differ. One row in
ten comes again as an exact copy under another address, and one in five thousand is a line cut in half. What a
correct reader finds in it is counted on the way (`expected.json`).
"""

import argparse
import gzip
import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCE = "../shared/data/bench"
"""Where the text comes from when nobody says otherwise; $BENCH_TEXT says otherwise."""
_SHARDS = 2  # a language; twelve languages make 24 files
_NEIGHBOURS = 40
_COPIES = 0.1
_BROKEN_EVERY = 5000
_FORMAT = 4  # of the made files: a change makes old caches stale


@dataclass(slots=True)
class Expected:
    """What a correct reader finds in the made files."""

    text_bytes: int = 0
    """UTF-8 bytes of all readable texts."""
    documents: int = 0
    """Readable rows."""
    distinct: int = 0
    """Different texts among them."""
    broken: int = 0
    """Lines that are not JSON."""


def make_inputs(source: Path, megabytes: int, cache: Path | None = None) -> Path:
    """A folder with `mc4/*.jsonl.gz`, `held_out.txt` and `expected.json`; made once, about 40 s for 450 MB.

    `megabytes`: at least so many million bytes of text. `cache`: where made folders are kept, by default the
    system's temporary folder. Raises FileNotFoundError when `source` has no `*.jsonl.gz`.
    """
    files = sorted(source.glob("*.jsonl.gz"))
    if not files:
        raise FileNotFoundError(f"no *.jsonl.gz in {source}: give a folder of mC4-like files with --source")
    cache = cache or Path(tempfile.gettempdir()) / "teacher-model-bench"
    key = json.dumps([_FORMAT, megabytes, [(file.name, file.stat().st_size) for file in files]])
    made = cache / f"{megabytes}mb-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=cache))
        try:
            _make(files, megabytes * 1_000_000, unfinished)
            unfinished.rename(made)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return made


def expected(made: Path) -> Expected:
    """The counts that stand beside the made files."""
    return Expected(**json.loads((made / "expected.json").read_text(encoding="utf-8")))


def _make(files: list[Path], target_bytes: int, folder: Path) -> None:
    counts, held_out, seen = Expected(), [], set()
    (folder / "mc4").mkdir()
    for file in files:
        lang = file.name.partition(".")[0]
        chance = random.Random(f"bench {lang}")
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [(row["text"], row["url"]) for row in map(json.loads, lines)]
        rows = _multiply(rows, target_bytes // len(files), chance)
        long_lines = [line for text, _ in rows[:2000] for line in text.split("\n") if len(line.split()) >= 8]
        held_out += chance.sample(long_lines, min(150, len(long_lines)))
        seen |= {hashlib.sha256(text.encode()).digest() for text, _ in rows}
        for shard in range(_SHARDS):
            _write(folder / "mc4" / f"{lang}-{shard:05d}.jsonl.gz", rows[shard::_SHARDS], counts)
    counts.distinct = len(seen)
    (folder / "held_out.txt").write_text("\n".join(held_out) + "\n", encoding="utf-8")
    (folder / "expected.json").write_text(json.dumps(asdict(counts)), encoding="utf-8")


def _multiply(rows: list[tuple[str, str]], target_bytes: int, chance: random.Random) -> list[tuple[str, str]]:
    """At least `target_bytes` of text: the rows, their lines shuffled, then one exact copy in ten."""
    enough = target_bytes / (1 + _COPIES)
    made, size, number = list(rows), sum(len(text.encode()) for text, _ in rows), 0
    while size < enough:
        for text in filter(str.strip, _shuffled_lines([text for text, _ in rows], chance)):
            made.append((text, f"https://bench.example.org/{number}"))
            size, number = size + len(text.encode()), number + 1
            if size >= enough:
                break
    again = chance.sample(made, int(len(made) * _COPIES) + 1)
    made += [(text, f"https://copy.example.org/{number}") for number, (text, _) in enumerate(again)]
    chance.shuffle(made)
    return made


def _shuffled_lines(texts: list[str], chance: random.Random) -> Iterator[str]:
    """Texts of the same line counts, their lines mixed among neighbours; a text of one line gets a number."""
    for start in range(0, len(texts), _NEIGHBOURS):
        neighbours = [text.split("\n") for text in texts[start : start + _NEIGHBOURS]]
        lines = [line for own in neighbours for line in own]
        chance.shuffle(lines)
        for own in neighbours:
            mixed, lines = lines[: len(own)], lines[len(own) :]
            yield "\n".join(mixed) if len(own) > 1 else f"{mixed[0]} {chance.randrange(100_000)}"


def _write(file: Path, rows: list[tuple[str, str]], counts: Expected) -> None:
    with gzip.open(file, "wb", compresslevel=6) as out:
        for number, (text, url) in enumerate(rows, start=1):
            row = {"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url}
            line = json.dumps(row, ensure_ascii=False).encode()
            if number % _BROKEN_EVERY == 0:
                out.write(line[: len(line) // 2] + b"\n")
                counts.broken += 1
            out.write(line + b"\n")
            counts.text_bytes += len(text.encode())
            counts.documents += 1


def main() -> None:
    """Make the input and print where it is and what is in it."""
    parser = argparse.ArgumentParser(prog="python -m bench.inputs", description=__doc__.partition("\n")[0])
    parser.add_argument("--source", type=Path, default=Path(os.environ.get("BENCH_TEXT", SOURCE)))
    parser.add_argument("--megabytes", type=int, default=450)
    parser.add_argument("--cache", type=Path, default=None)
    options = parser.parse_args()
    made = make_inputs(options.source, options.megabytes, options.cache)
    print(made, asdict(expected(made)))


if __name__ == "__main__":
    main()
