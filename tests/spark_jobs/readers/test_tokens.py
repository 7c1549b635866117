"""Tokens of a subtitle and the line they were, worked by hand; | parts the tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.readers.tokens import join_tokens

LINES = {
    "Well|,|well|...|who|is|there|?|!": "Well, well... who is there?!",
    "Don|'t|you|'re|it|'s|I|'ll|do|n't": "Don't you're it's I'll don't",
    "It|'|s|Bani|’|s": "It's Bani’s",
    "L|'|amour|qu|’|il|l'|école|d’|un|Aujourd|'|hui": "L'amour qu’il l'école d’un Aujourd'hui",
    "un|po|'|di|dell|'|acqua|all'|alba": "un po' di dell'acqua all'alba",
    '"|Go|,|"|he|said|,|"|now|.|"': '"Go," he said, "now."',
    "nunca|digas|'|de|esta|agua|'|no": "nunca digas 'de esta agua' no",
    "He|said|“|yes|”|and|‘|no|’|.": "He said “yes” and ‘no’.",
    "Er|sagte|„|ja|“|,|und|‚|so|‘|.": "Er sagte „ja“, und ‚so‘.",
    "Il|dit|«|oui|»|.": "Il dit «oui».",
    "Er|sagt|»|ja|«|und|geht": "Er sagt »ja« und geht",
    "Fin|,|»|dit|-|il": "Fin,» dit - il",
    "¿|Qué|?|¡|Venga|,|vamos|!": "¿Qué? ¡Venga, vamos!",
    "(|Lachen|)|[|Musik|]|5|%|{|x|}": "(Lachen) [Musik] 5% {x}",
    "あいつ|は|「|Tシャツ|」|を|２|枚|。": "あいつは「Tシャツ」を２枚。",
    "これ|は|New|York|です": "これはNew Yorkです",
    "मैं|नहीं|जानता|।": "मैं नहीं जानता।",
    "सि|\u200d|ं|गर": "सि\u200dं गर",
    "هل|أنت|هنا|؟|نعم|،|أنا": "هل أنت هنا؟ نعم، أنا",
    "-|Hello|.": "- Hello.",
    'இனி|!|"': 'இனி!"',
    "": "",
    "!": "!",
}


@pytest.mark.parametrize(("tokens", "line"), LINES.items())
def test_tokens_join_as_they_are_written(tokens, line):
    assert join_tokens(tokens.split("|") if tokens else []) == line


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters=" "), min_size=1), max_size=12))
def test_joining_only_ever_adds_spaces(tokens):
    line = join_tokens(tokens)
    assert line.replace(" ", "") == "".join(tokens)
    assert "  " not in line
