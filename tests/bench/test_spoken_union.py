from bench.spoken_union import page

CASES = [
    {"lang": "en", "written": "700", "spoken": "seven o o", "trust": "B"},
    {"lang": "en", "written": "700", "spoken": "Seven Hundred || seven hundreds", "trust": "A"},
    {"lang": "en", "written": "8", "spoken": "ate", "trust": "B"},
    {"lang": "hi", "written": "7", "spoken": "seven", "trust": "B"},
    {"lang": "hi", "written": "७", "spoken": "सात", "trust": "B"},
]


def test_a_text_may_be_said_as_any_reference_of_the_same_text_in_the_language_has_it():
    assert page(CASES, lambda lang, text: text.casefold()).splitlines() == [
        "|  | A | B |",
        "|---|---|---|",
        "| en | 1/1 (100.0%) | 1/2 (50.0%) |",
        "| hi |  | 2/2 (100.0%) |",
    ]
