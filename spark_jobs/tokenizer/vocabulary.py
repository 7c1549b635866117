"""From sentences to a model: SentencePiece's options, its child process, and what it says on the way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from schemas.tokenizer import BOS, EOS, FIRST_ORDINARY, N_RESERVED, PAD, SPECIAL, UNK
from spark_jobs.errors import ConfigError, CorpusError

THREADS = 8
"""Of training. Fixed, whatever the machine has: partial sums are added up thread by thread, so another
number gives another model (measured: 1, 8 and 16 give three)."""
LONGEST_SENTENCE = 1 << 20
"""Bytes; SentencePiece passes over longer ones."""
SEEDS_PER_PIECE, MOST_SEEDS = 20, 1_000_000
"""Candidates that training begins with. A million is SentencePiece's own; for 8,000 pieces 160,000 take as
long and give 0.5 % fewer tokens (demo release)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VocabularyConfig:
    """What a vocabulary is to be."""

    vocab_size: int = 150_000
    """Pieces, special and reserved ones included (paper section 2.3: 150 k)."""
    byte_fallback: bool = False
    """What has no piece becomes the pieces of its bytes instead of `<unk>`."""
    character_coverage: float = 0.9995
    """The share of the sample's characters that have a piece; required ones have one anyway."""

    def __post_init__(self) -> None:
        if not 1 <= self.vocab_size <= 10_000_000:
            raise ConfigError("--vocab-size", self.vocab_size, accepted="1 to 10,000,000")
        if not 0.9 <= self.character_coverage <= 1:
            raise ConfigError(
                "--character-coverage", self.character_coverage, accepted="a number from 0.9 to 1"
            )


def least_size(config: VocabularyConfig, required: str) -> int:
    """Pieces that the vocabulary holds before the first one is learnt."""
    return FIRST_ORDINARY + len(required) + (256 if config.byte_fallback else 0)


def options(config: VocabularyConfig, required: str) -> dict[str, Any]:
    """SentencePiece's options: nothing in them depends on the machine or on a path."""
    return {
        "model_type": "unigram",
        "vocab_size": config.vocab_size,
        "character_coverage": config.character_coverage,
        "byte_fallback": config.byte_fallback,
        "required_chars": required,
        "normalization_rule_name": "nmt_nfkc",
        "pad_id": PAD,
        "bos_id": BOS,
        "eos_id": EOS,
        "unk_id": UNK,
        # Control symbols never come out of text, whatever a text says: "<mask>" in it stays six characters.
        "control_symbols": [*SPECIAL[4:], *(f"<reserved_{n}>" for n in range(N_RESERVED))],
        "seed_sentencepiece_size": min(MOST_SEEDS, SEEDS_PER_PIECE * config.vocab_size),
        "max_sentence_length": LONGEST_SENTENCE,
        "num_threads": THREADS,
    }


class Fitting:
    """One run of the child process, with what it said last."""

    def __init__(self) -> None:
        self.now = ""
        """How far it is, in words; for a line of progress."""
        self._said: deque[str] = deque(maxlen=20)

    def run(self, sample: pa.Table, settings: dict[str, Any], folder: Path) -> tuple[bytes, int]:
        """The model trained on the sample (column `text`), and the most bytes of memory that took.

        `folder`: empty, on a local disk, with room for the sample. CorpusError with the way out where the
        sample cannot give what is asked.
        """
        job = {"sentences": str(folder / "sample.arrow"), "model": str(folder / "model"), "options": settings}
        with pa.OSFile(job["sentences"], "wb") as sink:
            table = sample.select(["text"])
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table, max_chunksize=10_000)
        (folder / "job.json").write_text(json.dumps(job), "utf-8")
        command = [sys.executable, "-m", "spark_jobs.tokenizer.fit", str(folder / "job.json")]
        answer, code = self._watch(command)
        if code:
            raise refusal(" ".join(self._said), code, settings["vocab_size"])
        return (folder / "model").read_bytes(), int(json.loads(answer)["peak_bytes"])

    def _watch(self, command: list[str]) -> tuple[str, int]:
        """What the child answers on stdout, and its exit code; it does not outlive an interruption."""
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            listener = threading.Thread(target=self._listen, args=(child.stderr,), daemon=True)
            listener.start()
            try:
                answer = child.stdout.read()
                listener.join()
                return answer, child.wait()
            finally:
                if child.poll() is None:
                    child.kill()

    def _listen(self, stderr: IO[str]) -> None:
        for line in stderr:
            self._said.append(line.strip())
            self.now = in_words(line) or self.now


_STEPS = (
    (r"Loaded all (\d+) sentences", "{} sentences read"),
    (r"Making suffix array", "looking for candidates"),
    (r"Initialized (\d+) seed sentencepieces", "{} candidates"),
    (r"Alphabet size=(\d+)", "{} characters"),
    (r"EM sub_iter=\d+ size=(\d+)", "{} pieces left"),
)


def in_words(line: str) -> str:
    """What a line of SentencePiece's log says about how far it is; nothing for most lines."""
    for pattern, words in _STEPS:
        if found := re.search(pattern, line):
            return words.format(*(f"{int(n):,}" for n in found.groups()))
    return ""


def refusal(said: str, code: int, asked: int) -> CorpusError:
    """What SentencePiece's last words mean for the user."""
    if found := re.search(r"too high \(\d+\).*?<= ?(\d+)", said):
        most = int(found[1])
        return CorpusError(
            f"the sample does not support a vocabulary of {asked:,} pieces, at most {most:,}",
            why="it holds too few different words",
            do=f"--vocab-size {most}, or a larger sample: --words N, or a larger release",
        )
    if found := re.search(r"smaller than required_chars\. \d+ vs (\d+)", said):
        return CorpusError(
            f"a vocabulary of {asked:,} pieces has no room for the characters of the sample",
            why=f"special tokens and characters alone are {int(found[1]):,}",
            do=f"--vocab-size {int(found[1])} or more, or a lower --character-coverage",
        )
    memory = "the system ended it, most likely for want of memory" if code < 0 else ""
    last = said.rpartition("error: ")[2].strip()
    return CorpusError(
        "SentencePiece could not train",
        why=memory or last or f"it ended with code {code}",
        do="a smaller sample takes less memory: --words N",
    )
