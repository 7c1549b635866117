"""Small documents with numbers in four scripts, the same on every run, and a corpus of them."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

from tests.integration.corpora import LENIENT, cc100, mc4, write_recipe

SENTENCES = {
    "en": (
        "The ferry left at {h}:{m:02d} with {n} passengers.",
        "Room {n} costs ${p}.50 a night, breakfast included.",
        "Nobody in the village remembered the storm of {y}.",
        "She counted {n} lamps along the quay, then turned back.",
        "Is the old bridge open today?",
        "Gardeners planted {p} walnut trees behind the station.",
    ),
    "hi": (
        "नाव में {n} यात्री बैठे थे।",
        "गाँव में {y} का तूफ़ान किसी को याद नहीं था।",
        "कमरे का किराया एक रात के {p} रुपये है।",
        "क्या पुराना पुल आज खुला है?",
        "माली ने स्टेशन के पीछे {p} पेड़ लगाए।",
    ),
    "ja": (
        "船には{n}人の乗客がいた。",
        "{y}年の嵐を覚えている人は村にいない。",
        "部屋は一泊{p}円です。",
        "古い橋は今日開いていますか？",
        "駅の裏に木を{p}本植えました。",
    ),
    "ar": (
        "غادرت العبارة ومعها {n} راكبا.",
        "لا أحد في القرية يتذكر عاصفة عام {y}.",
        "سعر الغرفة {p} ريالا في الليلة.",
        "هل الجسر القديم مفتوح اليوم؟",
        "زرع البستاني {p} شجرة خلف المحطة.",
    ),
}
_BETWEEN = {"en": (" ", " ", "\n"), "hi": (" ", "", "\n"), "ja": ("", "", "\n"), "ar": (" ", " ", "\n")}
HELD_OUT = "Please keep the brass telescope away from the salty evening air."


def documents(lang: str, n: int, seed: int) -> list[str]:
    """`n` documents of 2 to 14 sentences; every tenth has 60, so that it is cut into parts."""
    chance = random.Random(f"{lang}/{seed}")
    made = []
    for number in range(n):
        sentences = []
        for _ in range(60 if number % 10 == 9 else chance.randint(2, 14)):
            slots = {"h": chance.randint(1, 12), "m": chance.randint(0, 59), "n": chance.randint(2, 9999)}
            slots |= {"p": chance.randint(2, 99), "y": chance.randint(1801, 2024)}
            sentences.append(chance.choice(SENTENCES[lang]).format(**slots))
            sentences.append(chance.choice(_BETWEEN[lang]))
        made.append("".join(sentences).strip())
    return made


SIZES = {"en": 150, "hi": 90, "ja": 60, "ar": 40}


@dataclass(frozen=True)
class Texts:
    """What the corpus holds, before any file of it is written."""

    mc4: dict[str, list[str]]
    cc100: dict[str, list[str]]


def corpus_texts() -> Texts:
    """Two sources; cc100 repeats texts of mc4 and of its own, and has some of two words."""
    first = {lang: documents(lang, n, seed=1) for lang, n in SIZES.items()}
    second = {lang: documents(lang, n // 2, seed=2) for lang, n in SIZES.items()}
    for lang, texts in second.items():
        texts += [*first[lang][::6], *texts[:3], *(f"{lang} {n}" for n in range(4))]
    first["en"].append(f"A label reads: {HELD_OUT.lower()} Nobody obeys it.")
    return Texts(first, second)


def write_corpus(root: Path, *, files: int = 2, backwards: bool = False, prefix: str = "") -> None:
    """The corpus as raw files: each language of mc4 in so many files, written in this or the other order.

    `prefix` of the files' names changes how they sort. Record borders stay, file borders do not matter.
    """
    texts = corpus_texts()
    todo = [
        lambda lang=lang, n=n: mc4(
            root / f"mc4/{prefix}{files - n if prefix else n}.c4-{lang}.tfrecord.json.gz",
            texts.mc4[lang][n::files],
            damaged=[b'{"text": "cut of', b'{"url": 1}'] if (lang, n) == ("en", 0) else (),
        )
        for lang in SIZES
        for n in range(files)
    ]
    todo += [
        lambda lang=lang: cc100(root / f"cc100/{lang}.txt.xz", [t.split("\n") for t in texts.cc100[lang]])
        for lang in SIZES
    ]
    for write in reversed(todo) if backwards else todo:
        write()
    (root / "evaluation").mkdir(parents=True, exist_ok=True)
    (root / "evaluation/en.txt").write_text(HELD_OUT + "\n", "utf-8")


def corpus_recipe(path: Path, root: Path, **values: object) -> Path:
    """The recipe of the corpus: packs of 40 words in five buckets, parts of 120 words."""
    sources = [
        {"name": "mc4", "format": "mc4", "path": "mc4"},
        {"name": "cc100", "format": "cc100", "path": "cc100/*.txt.xz"},
    ]
    defaults = {
        "filters": LENIENT | {"min_words": 3},
        "decontaminate": {"held_out": "evaluation/*.txt"},
        "forms": {"part_words": 120},
        "pack": {"words": 40, "buckets": 5},
    }
    return write_recipe(path, root, sources, **(defaults | values))


def digest(rows: object) -> str:
    """A short name of rows, for messages that must not print a corpus."""
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
