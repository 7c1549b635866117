"""What the stream tells a log about a stretch of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.arrays import Ints
from trainer.batches import N_AROUND, Pieces
from trainer.share import Counts


class Window:
    """Sums over the batches of one rank."""

    def __init__(self, languages: Sequence[str], forms: Sequence[str]) -> None:
        """`languages`, `forms`: the names of rows and columns of `tokens`."""
        self._names = languages, forms
        self._tokens = np.zeros((len(languages), len(forms)), np.int64)
        self._counts = Counts()
        self._steps = self._microbatches = self._pieces = self._kept = self._ids = self._masked = 0
        self._wait_s = 0.0

    def add(self, parts: Sequence[Pieces], tokens: Ints, counts: Counts, wait_s: float) -> None:
        """Count a batch in: its microbatches, tokens by language and form, what was read for it."""
        self._steps += 1
        self._microbatches += len(parts)
        for part in parts:
            self._pieces += len(part.seq_ids)
            self._kept += part.text_tokens
            self._ids += len(part.ids)
            self._masked += len(part.labels)
        self._tokens += tokens
        self._counts += counts
        self._wait_s += wait_s

    def figures(self, microbatch_tokens: int) -> dict[str, object]:
        """The sums, and shares of them.

        `data_wait_s`: what the loop waited for data. `padding_share`: of the tokens given out, those that are
        neither text nor <s> and </s>; `truncated_share`: of the text tokens read, those not given out. Both
        are zero as long as the stream keeps its promise. `fill`: of the microbatches' budget. Rates are left
        to who knows the wall time.
        """
        counts, (languages, forms) = self._counts, self._names
        around = N_AROUND * self._pieces
        return {
            "steps": self._steps,
            "rows": counts.rows,
            "pieces": self._pieces,
            "tokens": self._ids,
            "masked_tokens": self._masked,
            "data_wait_s": self._wait_s,
            "padding_share": _share(self._ids - self._kept - around, self._ids),
            "truncated_share": _share(counts.text_tokens - self._kept, counts.text_tokens),
            "fill": _share(self._ids, self._microbatches * microbatch_tokens),
            "read_bytes": counts.read_bytes,
            "fetched_bytes": counts.fetched_bytes,
            "cache_hit_share": _share(counts.cache_hits, counts.cache_hits + counts.cache_misses),
            "tokens_by": {
                lang: dict(zip(forms, map(int, row), strict=True))
                for lang, row in zip(languages, self._tokens, strict=True)
                if row.any()
            },
        }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
