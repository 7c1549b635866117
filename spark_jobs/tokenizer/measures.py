"""How good a vocabulary is: the two measures of the paper (section 2.3) and the ones that explain them.

split-ratio: tokens a word. unk-token portion: `<unk>` tokens of all tokens. Both are sums over rows, divided
once, never means of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import normalizers
from schemas.tokenizer import Tokenizer, count_of, sums_of

LONG = (512, 1024)
"""Lengths in tokens that the paper names: over 90 % of the packs stay under 1,024."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted in some rows; adds up."""

    rows: float = 0
    words: float = 0
    """normalizers.word_counts of the text."""
    tokens: float = 0
    """Of the text alone, without <s> and </s>."""
    unk: float = 0
    bytes: float = 0
    """Of UTF-8."""
    characters: float = 0
    """Code points."""
    single: float = 0
    """Tokens whose piece is one character or less beside the sign for a space (a byte counts)."""
    over_512: float = 0
    """Rows of more than 512 tokens."""
    over_1024: float = 0

    def __add__(self, other: Counts) -> Counts:
        """Counts of both."""
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNTED))

    def times(self, factor: float) -> Counts:
        """Counts of `factor` times as many rows like these."""
        return Counts(*(getattr(self, name) * factor for name in COUNTED))

    def measures(self) -> dict[str, float]:
        """The measures; 0 where there is nothing to divide."""
        return {
            "split_ratio": _over(self.tokens, self.words),
            "unk_portion": _over(self.unk, self.tokens),
            "bytes_per_token": _over(self.bytes, self.tokens),
            "characters_per_token": _over(self.characters, self.tokens),
            "single_character_share": _over(self.single, self.tokens),
            "over_512_share": _over(self.over_512, self.rows),
            "over_1024_share": _over(self.over_1024, self.rows),
        }


COUNTED = tuple(field.name for field in fields(Counts))


def _over(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def count_rows(
    texts: pa.Array, lang: str, tokenizer: Tokenizer, single: npt.NDArray[np.bool_]
) -> dict[str, npt.NDArray[Any]]:
    """Each of `COUNTED` for every row of one language; `single` from `single_pieces`, once a model."""
    ids = tokenizer.encode(texts)
    n_tokens = np.diff(ids.offsets.to_numpy()).astype(np.int64)
    return {
        "rows": np.ones(len(texts), np.int64),
        "words": normalizers.word_counts(texts, lang).to_numpy().astype(np.int64),
        "tokens": n_tokens,
        "unk": count_of(ids, tokenizer.unk).astype(np.int64),
        "bytes": pc.binary_length(texts).to_numpy().astype(np.int64),
        "characters": pc.utf8_length(texts).to_numpy().astype(np.int64),
        "single": sums_of(single[np.asarray(ids.flatten())], ids).astype(np.int64),
        "over_512": (n_tokens > LONG[0]).astype(np.int64),
        "over_1024": (n_tokens > LONG[1]).astype(np.int64),
    }


def single_pieces(tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    """By id: whether the piece is at most one character beside the sign for a space, or one byte."""
    processor = tokenizer.processor
    short = [len(piece.removeprefix("▁")) <= 1 for piece in tokenizer.pieces()]
    of_bytes = [processor.is_byte(n) for n in range(tokenizer.vocab_size)]
    few: npt.NDArray[np.bool_] = np.array(short) | np.array(of_bytes)
    return few


@dataclass(frozen=True, slots=True)
class Group:
    """Counts of the measured rows of one stage, language and form."""

    stage: str
    lang: str
    form: str
    counts: Counts


def table_of(groups: Sequence[Group], words: Mapping[tuple[str, str, str], float]) -> list[dict[str, Any]]:
    """Rows of the table: each group, each language, each form and everything; "" stands for all.

    `words`: (stage, language, form) -> words of the whole release. A sum over groups weighs each by them:
    the measured rows alone would give small languages the weight of large ones.
    """
    weighed = [(g, _weighed(g, words)) for g in groups]
    sums = []
    for stage in sorted({g.stage for g in groups}):
        mine = [(g, counts) for g, counts in weighed if g.stage == stage]
        langs, forms = sorted({g.lang for g, _ in mine}), sorted({g.form for g, _ in mine})
        sums += [_sum(stage, lang, "", [pair for pair in mine if pair[0].lang == lang]) for lang in langs]
        sums += [_sum(stage, "", form, [pair for pair in mine if pair[0].form == form]) for form in forms]
        sums.append(_sum(stage, "", "", mine))
    return [_line(g.stage, g.lang, g.form, g.counts, g.counts.rows) for g in groups] + sums


def _weighed(group: Group, words: Mapping[tuple[str, str, str], float]) -> Counts:
    whole = words.get((group.stage, group.lang, group.form), group.counts.words)
    return group.counts.times(whole / group.counts.words if group.counts.words else 0.0)


def _sum(stage: str, lang: str, form: str, pairs: Iterable[tuple[Group, Counts]]) -> dict[str, Any]:
    pairs = list(pairs)
    total = sum((counts for _, counts in pairs), Counts())
    return _line(stage, lang, form, total, sum(group.counts.rows for group, _ in pairs))


def _line(stage: str, lang: str, form: str, counts: Counts, rows: float) -> dict[str, Any]:
    return {"stage": stage, "lang": lang, "form": form, "rows": int(rows), **counts.measures()}
