"""What to look for in the bytes of a column: tables of pairs and of words.

A sign (a digit, `%`, `€`) is found by its last two bytes. A word (`Dr.`) has one rare pair of bytes among its
first sixteen, shared with others where it can be; where the pair stands, the word is compared by hash. What
stands before a number or a numeral (`March 5`, `Part IV`) is looked for from there, by the hash of its last
four bytes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from normalizers.follows import behind_letters
from normalizers.patterns import NUMERALS, WORD, any_of
from normalizers.prefixes import WIDTH, Codes, Grams, Prefixes, grams_of, hashes_of, prefixes_of
from normalizers.utf8 import Bytes, Flags

Actions = npt.NDArray[np.int64]

GAP_BYTES = "(?: |\u00a0|\u2009|\u202f)"
"""`patterns.GAP` for patterns on bytes, where a character is not one place."""
_GAP_BACK = r"(?: |\xa0\xc2|[\x89\xaf]\x80\xe2)"
"""The same, read backwards."""
_WORD_BYTES = bytes(byte for byte in range(256) if chr(byte).isalnum() or byte >= 0x80)
_WORD = re.compile(f"[{WORD}]+")
END_BYTES = "(?![0-9A-Za-z_])"
"""No ASCII letter or digit follows."""
_MOST_KINDS = 256
_RARE_LEADS = b"\xe1\xea"
"""First bytes of scripts far from ours, whose digits end with the bytes of our letters."""
TAIL = 4
"""Bytes of a word's end that are compared by hash."""
LETTER = np.array([chr(i).isalnum() and i < 128 for i in range(256)])

SIGN = 1
"""In a table of pairs: the second byte ends a sign."""
WIDE_SIGN = 2
"""The two end a sign of three or four bytes, perhaps."""
CASED = 4
"""They begin a character that may have another lower case."""
NUMERAL = 8
"""They are a blank, bracket or apostrophe, or its last byte, and the first letter of a numeral."""
LEAD = 16
"""They begin a sign of three bytes, perhaps."""
FIRST = 32
"""This bit and those above: a word may have begun so many bytes before the pair."""

_LETTERS = zip("etaoinsrhldcumfpgwybvkxjqz", (
    .12, .09, .08, .075, .07, .07, .065, .06, .05, .04, .04, .03, .028, .025, .022, .02,
    .02, .02, .018, .015, .01, .007, .002, .001, .001, .001), strict=True)  # fmt: skip
_SHARES = {ord(letter): share for letter, share in _LETTERS} | {0x20: 0.15, 0x2C: 0.012, 0x2E: 0.012}
_LETTER_SHARES = {
    letter.encode()[-2:]: 0.026 * 0.93**rank
    for letters in (
        "ारक्ेनिसतंीमलहपयवोुदजटबगचैडशअूएणआधभइखफउथष",
        "்குதிபடமராவலனையறளசநஅேணெஇோஎொஙழஉீூஆ",
        "్ిురానంకలమతవపసయదేచటడగోీెబషఅజైశూణధభ",
        "الَيمنتوربِعدُْةسهفأقّكحجخصإطذشىثزضغءًئ",
    )
    for rank, letter in enumerate(letters)
}
"""The commonest letters of some scripts by the end of their UTF-8, commonest first, as counted in 10 MB of
texts; the share of each in the bytes is fitted."""
_SCRIPTS = {pair[0] for pair in _LETTER_SHARES}


class Kind(IntEnum):
    """What a word does where it stands."""

    TOKEN = 1
    """A token begins here."""
    INSIDE = 2
    """Part of a token that begins where its run of visible characters does: an address."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one kind: what they may begin with, and the pattern that decides."""

    kind: Kind
    beginnings: Sequence[str]
    """Every match of `pattern` begins with one of these; their first bytes are looked for."""
    pattern: str
    """Matched where a beginning stands, on UTF-8 bytes: literals, groups, ASCII sets and look-ahead only."""
    bounded: bool = True
    """Whether no letter, mark or digit may stand before."""
    ended: bool = False
    """Whether none may stand behind either, but for a word that ends in a dot."""


@dataclass(frozen=True, slots=True)
class Tails:
    """Words before a number or numeral, looked for from their end."""

    last: Flags
    """By pair, as in `Probe.actions`: some word ends so."""
    hashes: Flags
    """By hash: some word ends so, see `tail_codes`."""
    gap: re.Pattern[bytes]
    """What may stand between a word and the number, read backwards."""
    words: frozenset[bytes]
    """Words that are one run of letters with which no longer word ends ("Paul", as there is "John Paul")."""
    last_words: frozenset[bytes]
    """The last runs of letters of the other words."""
    pattern: re.Pattern[bytes]
    """Any word at the end of a text."""
    ends: tuple[bytes, ...]
    """What some words end with, whatever they begin with."""
    compound: re.Pattern[bytes]
    """A run of visible characters at the end of a text that ends so."""
    spaced: bool
    """Whether a word is none where a letter stands before it."""
    before: re.Pattern[bytes] | None
    """What belongs to a word in front of it, at the end of a text."""
    following: re.Pattern[bytes] | None
    """What must stand behind the gap, if not just any number."""
    behind_word: re.Pattern[bytes] | None
    """Those that belong to the word before them too, with the gap behind them."""
    sure: Codes
    """Those of `words`, ascending, that need no other look if a blank stands before and behind them."""
    dotted: frozenset[bytes]
    """Those that mean something only before a numeral with a dot."""

    def begin(self, text: bytes) -> int:
        """Where the word begins that ends the text, gap included; -1 for none."""
        alone = text[:-1].rpartition(b" ")[2]
        if text[-1:] == b" " and not self.before and alone in self.words:  # most of all
            return len(text) - len(alone) - 1
        gap = self.gap.match(text[::-1])
        body = text[: len(text) - gap.end()] if gap else text
        start = len(body.rstrip(_WORD_BYTES))
        last = body[start:]
        if last not in self.words:
            found = body.endswith(self.ends) and self.compound.search(body)
            if not found and not (self.spaced and last not in self.last_words and _is_word(last)):
                found = self.pattern.search(body)
            if not found:
                return -1
            start = found.start()
        earlier = self.before and self.before.search(body[:start])
        return earlier.start() if earlier else start


@dataclass(frozen=True, slots=True)
class Probe:
    """What to look for in one language."""

    marked: pa.UInt8Array
    """By pair, first byte + 256 * second, its place in `actions`; 0 for nothing to do."""
    actions: Actions
    """What to do: sums of `SIGN` and the like."""
    wide: Flags
    """By code point: a sign of three bytes."""
    grams: Grams
    """What words begin with."""
    pattern: re.Pattern[bytes]
    """All words; the number of the group that matched is the place in `kinds`, counted from 1."""
    kinds: tuple[tuple[Kind, bool, bool], ...]
    before_number: Tails
    before_numeral: Tails
    names: re.Pattern[bytes] | None
    """A capitalised word, perhaps with one before it; before two numeral letters it begins a token."""
    behind_numeral: Prefixes
    """What may stand behind all letters of a numeral that begins a span, noughts for digits."""
    numerals: re.Pattern[str] | None
    """Spans that begin with a numeral, behind a blank, "(" or an apostrophe, or where a row begins."""
    spaced: bool
    """Whether blanks stand between words."""


def _is_word(run: bytes) -> bool:
    """Whether there is nothing but letters, digits and marks in a run of `_WORD_BYTES`."""
    if run.isascii():
        return bool(run)
    try:
        return _WORD.fullmatch(run.decode()) is not None
    except UnicodeDecodeError:  # the text was cut within a character
        return False


def make_probe(
    signs: Iterable[str],
    words: Sequence[Words] = (),
    *,
    before_number: Iterable[str] = (),
    ends: Iterable[str] = (),
    behind_word: Iterable[str] = (),
    before_numeral: Sequence[str] = (),
    dotted: Iterable[str] = (),
    names: Iterable[str] | None = None,
    numerals: str = "",
    spaced: bool = True,
) -> Probe:
    """A probe for the characters `signs`, for `words`, and for words before numbers and numerals.

    `ends`: what a word before a number may end with, in lower case ("Goethestr. 3"). `behind_word`: of the
    words before numbers those that belong to the word before them too ("the"). `dotted`: of the words before
    numerals those that need a dot behind it ("die II. Liga", not "die CD"). `names`: words that belong to
    a word before a numeral ("von Karl IV."); None where a capitalised word that is none of `before_numeral`
    is no token. `numerals`: a pattern of spans that begin with a numeral, of 80 bytes at most.
    """
    actions = np.zeros((256, 256), np.int64)  # second byte, first byte
    _add_cased(actions)
    wide = _add_signs(signs, actions)
    if before_numeral or names is not None or numerals:
        actions[np.ix_(list(NUMERALS.encode()), list(b" \xa0('\x99"))] |= NUMERAL
    groups = [group for group in words if group.beginnings]
    beginnings = {start.encode() for group in groups for start in group.beginnings}
    _add_grams({word[: 2 * WIDTH] for word in beginnings}, actions)
    different, kinds = np.unique(np.append(0, actions), return_inverse=True)
    if len(different) > _MOST_KINDS:
        raise ValueError(f"{len(different)} kinds of pairs do not fit one byte")
    return Probe(
        marked=pa.Array.from_buffers(
            pa.uint8(), actions.size, [None, pa.py_buffer(kinds[1:].astype(np.uint8))]
        ),
        actions=different,
        wide=wide,
        grams=grams_of(beginnings),
        pattern=re.compile(b"|".join(b"(" + group.pattern.encode() + b")" for group in groups) or b"(?!)"),
        kinds=tuple((group.kind, group.bounded and spaced, group.ended and spaced) for group in groups),
        before_number=_tails(
            before_number, rf"(?:{_GAP_BACK}|[-/])?\.?", ends=ends, behind_word=behind_word, spaced=spaced
        ),
        before_numeral=_tails(
            before_numeral,
            rf"{_GAP_BACK}\.?",
            rf"[{NUMERALS}]{{1,9}}{END_BYTES}",
            before=names or (),
            dotted=dotted,
            spaced=spaced,
        ),
        names=None if names is None else re.compile(rf"(?:{any_of(names)} )?[A-Z][a-z]+".encode()),
        behind_numeral=prefixes_of(
            {text.encode() for text in behind_letters(numerals, frozenset(NUMERALS))},
            range(WIDTH + 1),
        ),
        numerals=re.compile(numerals) if numerals else None,
        spaced=spaced,
    )


def _add_cased(actions: Actions) -> None:
    """Mark the pairs that begin a character beyond ASCII whose lower case may be another one.

    More than needed beyond two bytes; a test compares with all of Unicode.
    """
    for lead, low, high in (
        (0xC3, 0x80, 0x9E), (0xE1, 0x82, 0x83), (0xE1, 0x8E, 0x8F), (0xE1, 0xB2, 0xB2), (0xE1, 0xB8, 0xBF),
        (0xE2, 0x84, 0x86), (0xE2, 0x92, 0x93), (0xE2, 0xB0, 0xB3), (0xEA, 0x99, 0x9F), (0xEF, 0xBC, 0xBC),
        (0xF0, 0x90, 0x91), (0xF0, 0x96, 0x96), (0xF0, 0x9E, 0x9E),
    ):  # fmt: skip
        actions[low : high + 1, lead] |= CASED
    for lead in (*range(0xC4, 0xCA), *range(0xCD, 0xD6)):
        actions[0x80:0xC0, lead] |= CASED


def _add_signs(signs: Iterable[str], actions: Actions) -> Flags:
    """Mark the pairs that end the signs; which characters of three bytes are signs, by code point."""
    wide = np.zeros(0x10000, np.bool_)
    for sign in signs:
        utf8 = sign.encode()
        if len(utf8) == 1:
            actions[utf8[0]] |= SIGN
        elif len(utf8) == 2:
            actions[utf8[1], utf8[0]] |= SIGN
        elif utf8[0] in _RARE_LEADS:
            actions[utf8[1], utf8[0]] |= LEAD
        else:
            actions[utf8[2], utf8[1]] |= WIDE_SIGN
        if len(utf8) == 3:
            wide[ord(sign)] = True
    return wide


def _add_grams(grams: Iterable[bytes], actions: Actions) -> None:
    """Mark for each gram its rarest pair, or one that is marked already with as many bytes before it.

    Those come first that have nothing but common pairs: what they need the others can share.
    """
    places = {
        gram: sorted(((pair, place) for place, pair in enumerate(itertools.pairwise(gram))), key=_rarity)
        for gram in grams
    }
    chosen = set()
    for gram in sorted(places, key=lambda gram: (-_rarity(places[gram][0]), gram)):
        one = next((one for one in places[gram] if one in chosen), places[gram][0])
        chosen.add(one)
        (first, second), place = one
        actions[second, first] |= FIRST << place


def _rarity(one: tuple[tuple[int, int], int]) -> float:
    """How often a pair stands in text, roughly: a guess that costs time when it is wrong, nothing else."""
    first, second = one[0]
    if first in _SCRIPTS and 0x80 <= second < 0xC0:
        return _LETTER_SHARES.get(bytes(one[0]), 0.001)
    return _share(first) * _share(second)


def _share(byte: int) -> float:
    if byte < 0x80:
        return _SHARES.get(byte, 0.012 if chr(byte).isupper() else 0.002)
    if byte < 0xC0:
        return 0.1
    # Letters with marks and signs are rare in ASCII; of scripts of three bytes the first two say nothing.
    return 0.01 if byte < 0xD0 or byte == 0xE2 else 0.3


def _tails(
    words: Iterable[str],
    gap: str,
    following: str = "",
    *,
    ends: Iterable[str] = (),
    before: Iterable[str] = (),
    behind_word: Iterable[str] = (),
    dotted: Iterable[str] = (),
    spaced: bool,
) -> Tails:
    words, earlier, ends = sorted(words), [*before], [end.removesuffix(".") for end in ends]
    last = np.zeros((256, 256), np.bool_)
    longer = [letter + end for end in ends for letter in spread("a-z")]
    tails = [word.removesuffix(".").encode()[-TAIL:].rjust(TAIL) for word in (*words, *ends, *longer)]
    for end in tails:
        last[end[-1], end[-2] if end[-2] != 0x20 else slice(None)] = True
    codes = tail_codes(np.frombuffer(b"".join(tails), np.uint8).reshape(-1, TAIL))
    behind_word = list(behind_word)
    bare = [word.removesuffix(".").encode() for word in words]
    last_words = {word[len(word.rstrip(_WORD_BYTES)) :] for word in bare if word.rstrip(_WORD_BYTES)}
    runs = frozenset(bare).difference(last_words)
    return Tails(
        last=last.reshape(-1),
        hashes=hashes_of(codes),
        gap=re.compile(gap.encode()),
        words=runs,
        pattern=re.compile(f"{any_of(map(bytes.decode, bare))}\\Z".encode()),
        last_words=frozenset(last_words),
        ends=tuple(end.encode() for end in ends),
        compound=re.compile(rf"(?<![^\s<>()])[^\s<>()]+{any_of(ends)}\Z".encode()),
        spaced=spaced,
        before=re.compile(rf"(?<![0-9A-Za-z_\x80-\xff]){any_of(earlier)} \Z".encode()) if earlier else None,
        following=re.compile(following.encode()) if following else None,
        behind_word=re.compile(rf"{any_of(behind_word)}\.?(?:{GAP_BYTES}|[-/])?\Z".encode())
        if behind_word
        else None,
        sure=_sure(() if following or earlier else runs.difference(map(str.encode, behind_word))),
        dotted=frozenset(map(str.encode, dotted)),
    )


def _sure(words: Iterable[bytes]) -> Codes:
    """The codes of the words that are short and one run of letters, zeros before them."""
    short = {word for word in words if 0 < len(word) < WIDTH and not word.rstrip(_WORD_BYTES)}
    return np.array(sorted(int.from_bytes(word.rjust(WIDTH, b"\0"), "little") for word in short), np.uint64)


def tail_codes(ends: Bytes) -> Codes:
    """The code of the last bytes of words, one word a row: what stands before the word counts as blanks."""
    code = ends[:, -1].astype(np.uint64)
    word = np.ones(len(ends), np.bool_)
    for place in range(2, TAIL + 1):
        byte, following = ends[:, -place], ends[:, 1 - place]
        # Between a character beyond ASCII and a letter of it bytes do not tell whether a word begins.
        word &= (LETTER[byte] | (byte >= 0x80)) & ~((byte >= 0x80) & (following < 0x80))
        code = code << np.uint64(8) | np.where(word, byte, 0x20).astype(np.uint64)
    return code


def spread(inside: str) -> Iterator[str]:
    """The characters of a set such as `A-Z0`, its ranges written out."""
    for match in re.finditer(r"(.)-(.)|(.)", inside):
        yield from map(chr, range(ord(match[1]), ord(match[2]) + 1)) if match[1] else match[3]
