"""Evaluation texts that must stay out of training data, and how to find them in documents, exactly.

Texts are compared as sequences of units. A unit is a word, a maximal run of letters, marks and digits,
lower-cased; in languages that write no spaces it is one letter or digit, and two of them stand for a word.
Everything else, be it spaces, marks or line breaks, separates and does not count. A document is hit by every
n-gram of units that it shares with an evaluation text; an evaluation text shorter than an n-gram hits only a
document that is nothing else. n = 8 words is the least that GPT-3 used (Brown et al. 2020, appendix C).

Both sides are compared in two forms, as written and as said (said.py), so that "7:30" does not hide from
"seven thirty". A document is said in its language; an evaluation text has none and is said in each. An n-gram
of a said form counts if half of its units stand in the text as written.

Nothing is hit that does not hold the words in one of the two forms. Price: docs/performance.md.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalizers.languages import language
from spark_jobs import storage
from spark_jobs.buffers import Block, Counts, Flags, Positions, blocks, count_before, ranges
from spark_jobs.errors import CorpusError
from spark_jobs.heldout_files import FORMAT, EvaluationTexts
from spark_jobs.heldout_index import (
    CHARACTERS_A_WORD,
    Index,
    Units,
    build_index,
    short_texts,
    text_of,
    units_of,
)
from spark_jobs.said import BothForms, both_forms

UNNAMED = "evaluation texts"
"""The set of texts that come from no file."""
_ARRAYS = ("keys", "first", "length", "sets", "offsets", "utf8")


@dataclass(frozen=True)
class HeldOut:
    """Evaluation texts, ready to be looked for. Small enough to travel with the code to the workers."""

    id: str
    """`EvaluationTexts.id` of what it was made of."""
    ngram: int
    """Words that make an n-gram."""
    n_texts: int
    """Texts that have a word, each once."""
    sets: tuple[str, ...]
    """Names of the sets of texts, ascending: of several that hit a document the first counts."""
    words: Index
    characters: Index

    @classmethod
    def of(cls, given: EvaluationTexts) -> HeldOut:
        """The index of some texts.

        Where nothing in them is said in other words, this costs a twentieth of a second a language; else a
        language is loaded, up to a second.
        """
        names = tuple(sorted(given.sets))
        listed = [pa.array(given.sets[name], pa.large_string()) for name in names]
        texts = _distinct(*_joined([(column, np.full(len(column), n)) for n, column in enumerate(listed)]))
        said = {lang: _said(*texts, lang, given.ngram) for lang in given.languages}
        written = (pc.utf8_lower(texts[0]), texts[1])
        indexes = []
        for characters, n in ((False, given.ngram), (True, given.ngram * CHARACTERS_A_WORD)):
            own = [forms for lang, forms in said.items() if _by_characters(lang) == characters]
            column, of_set = _distinct(*_joined([written, *own]))
            indexes.append(build_index(column, of_set, n, characters=characters))
        return cls(given.id, given.ngram, given.n_texts, names, *indexes)

    @classmethod
    def from_sets(
        cls, sets: Mapping[str, Sequence[str]], ngram: int = 8, languages: Sequence[str] | None = None
    ) -> HeldOut:
        """The index of named sets of texts, see `EvaluationTexts.from_sets`."""
        return cls.of(EvaluationTexts.from_sets(sets, ngram, languages))

    @classmethod
    def from_texts(
        cls, texts: Sequence[str], ngram: int = 8, languages: Sequence[str] | None = None
    ) -> HeldOut:
        """The index of texts of one set without a name."""
        return cls.from_sets({UNNAMED: texts}, ngram, languages)

    def hits(self, texts: pa.Array | pa.ChunkedArray, lang: str) -> pa.Array:
        """How many different n-grams of evaluation texts each text holds, int32, null for a null text.

        A text that is nothing but a short evaluation text counts 1. `lang` says what a unit is and how the
        text is said; an n-gram is found wherever it stands, whatever the column's cut and the text's
        neighbours are.
        """
        return self.search(texts, lang)[0]

    def search(
        self, texts: pa.Array | pa.ChunkedArray, lang: str, *, strict: bool = False
    ) -> tuple[pa.Array, pa.Array]:
        """For each text of a string column its `hits`, and the name of the first set that hits it (string).

        Both are null for a null text, and the name where nothing hits. `strict`: every n-gram of the said
        form counts, see `counts`. Whole columns at once, also for millions of texts of a few words.
        """
        column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        rows, keys = self.found(column, lang, strict=strict)
        counts = np.bincount(rows, minlength=len(column)).astype(np.int32)
        first = np.full(len(column), len(self.sets))
        np.minimum.at(first, rows, self.index(lang).sets[keys])
        missing = None if not column.null_count else column.is_null().to_numpy(zero_copy_only=False)
        names = pa.array([*self.sets, None], pa.string()).take(pa.array(first))
        return pa.array(counts, mask=missing), names

    def found(self, column: pa.Array, lang: str, *, strict: bool = False) -> tuple[Positions, Positions]:
        """Which row holds which key of `index(lang)`, in one of its forms: pairs, each once, ascending."""
        forms, index = both_forms(column, lang), self.index(lang)
        parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
        for block in blocks(forms.written):
            texts, keys = index.found(self.units(block, lang))
            parts.append((block.rows.start + texts, keys))
        for block in blocks(forms.said):
            units = self.units(block, lang)
            counts = None if strict else functools.partial(self.counts, forms, block, units, lang)
            texts, keys = index.found(units, counts)
            parts.append((forms.rows[block.rows.start + texts], keys))
        rows, keys = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        n_keys = max(1, len(index.keys))
        pairs = np.unique(rows * n_keys + keys)
        return pairs // n_keys, pairs % n_keys

    def counts(self, forms: BothForms, block: Block, units: Units, lang: str, at: Positions) -> Flags:
        """Whether n-grams of a block of `forms.said`, which begin at the units `at`, are evidence.

        At least half of their units have to stand in the text as written. Else a date or an address would be
        an n-gram by itself, "h t t p s colon slash slash", and one evaluation text with it would leave out a
        fifth of all German text (docs/performance.md). Utterances are searched without (`strict`): they are
        short, and a release that holds one in spoken form only cannot tell what was a number.
        """
        n = self.index(lang).ngram
        kept = forms.kept(block, units, ranges(at, at + n), functools.partial(self.units, lang=lang))
        return _half(kept.reshape(len(at), n).sum(axis=1), n)

    def units(self, block: Block, lang: str) -> Units:
        """The units of a block of lower-cased texts of a language."""
        return units_of(block, characters=_by_characters(lang))

    def index(self, lang: str) -> Index:
        """The index that texts of a language are compared with."""
        return self.characters if _by_characters(lang) else self.words

    def save(self, path: str) -> None:
        """Write the index to one Arrow file."""
        columns = {
            f"{kind}_{name}": pa.LargeListArray.from_arrays([0, len(values)], values)
            for kind, index in (("words", self.words), ("characters", self.characters))
            for name in _ARRAYS
            for values in [pa.array(getattr(index, name))]
        }
        about = {"format": FORMAT, "id": self.id, "ngram": str(self.ngram), "n_texts": str(self.n_texts)}
        about["sets"] = json.dumps(self.sets)
        table = pa.table(columns).replace_schema_metadata(about)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        storage.write_bytes(path, sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, path: str) -> HeldOut:
        """The index that `save` wrote; a local file is mapped, not read, so processes share its memory."""
        try:
            source = pa.BufferReader(storage.read_bytes(path)) if "://" in path else pa.memory_map(path)
            table = pa.ipc.open_file(source).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise CorpusError(
                "an index of held-out texts cannot be read", where=path, why=str(error)
            ) from None
        about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if about.get("format") != FORMAT:
            found = about.get("format", "something else")
            raise CorpusError(
                f"an index of held-out texts is {found}, not {FORMAT}", where=path, do="make it anew"
            )
        ngram = int(about["ngram"])

        def index(kind: str, n: int) -> Index:
            return Index(n, *(table[f"{kind}_{name}"].chunk(0).values.to_numpy() for name in _ARRAYS))

        return cls(
            about["id"],
            ngram,
            int(about["n_texts"]),
            tuple(json.loads(about["sets"])),
            index("words", ngram),
            index("characters", ngram * CHARACTERS_A_WORD),
        )


def _by_characters(lang: str) -> bool:
    return language(lang).characters_per_word > 0


def _half(kept: Counts, n: int) -> Flags:
    enough: Flags = 2 * kept >= n
    return enough


def _said(texts: pa.Array, of_set: Counts, lang: str, words: int) -> tuple[pa.Array, Counts]:
    """What the said form of texts adds, and its sets: stretches of n-grams that are evidence (see
    `HeldOut.counts`), and whole texts that are shorter than an n-gram."""
    characters = _by_characters(lang)
    n = words * (CHARACTERS_A_WORD if characters else 1)
    read = functools.partial(units_of, characters=characters)
    forms = both_forms(texts, lang)
    added: list[str] = []
    rows: list[int] = []
    for block in blocks(forms.said):
        units = read(block)
        kept = forms.kept(block, units, np.arange(len(units.begins)), read)
        at = ranges(units.first[:-1], np.maximum(units.first[1:] - n + 1, units.first[:-1]))
        before = count_before(kept, np.arange(len(kept) + 1))
        at = at[_half(before[at + n] - before[at], n)]
        text = text_of(units, at)
        new = np.append(True, (np.diff(at) > 1) | (np.diff(text) > 0))[: len(at)]
        low, high = at[new], at[np.append(new[1:], True)[: len(at)]] + n
        short = short_texts(units.first, n)
        low, high = np.append(low, units.first[short]), np.append(high, units.first[short + 1])
        rows += (block.rows.start + text_of(units, low)).tolist()
        for begin, end in zip(units.begins[low].tolist(), units.ends[high - 1].tolist(), strict=True):
            added.append(block.utf8[begin:end].tobytes().decode())
    return pa.array(added, pa.large_string()), of_set[forms.rows[rows]] if rows else of_set[:0]


def _joined(columns: Sequence[tuple[pa.Array, Counts]]) -> tuple[pa.Array, Counts]:
    """Texts with their sets, those of the first set first."""
    texts = pa.concat_arrays([pa.array([], pa.large_string()), *(column for column, _ in columns)])
    of_set = np.concatenate([np.zeros(0, np.int64), *(numbers for _, numbers in columns)])
    order = np.argsort(of_set, kind="stable")
    return texts.take(pa.array(order)), of_set[order]


def _distinct(texts: pa.Array, of_set: Counts) -> tuple[pa.Array, Counts]:
    """Each text once, where it stands first."""
    codes = texts.dictionary_encode().indices.to_numpy()
    first = np.sort(np.unique(codes, return_index=True)[1])
    return texts.take(pa.array(first)), of_set[first]
