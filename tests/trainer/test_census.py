"""Rows by language and form, of all units or of some of them."""

from schemas.sequences import FORMS
from trainer.census import by_name, count_rows
from trainer.snapshot import open_snapshot


def test_all_rows_are_counted(made):
    snapshot = open_snapshot(str(made.release), reads="tokens")
    counted, units = count_rows(snapshot)
    wanted = [
        [sum((row["lang"], row["form"]) == (lang, form) for row in made.rows) for form in FORMS]
        for lang in ("de", "en", "ja")
    ]
    assert counted.tolist() == wanted
    assert units == 6
    assert by_name(counted, snapshot.languages)["en"] == dict(zip(FORMS, wanted[1], strict=True))


def test_of_many_units_some_are_counted_the_first_and_the_last_among_them(made):
    snapshot = open_snapshot(str(made.release))
    counted, units = count_rows(snapshot, most_units=2)
    assert (units, counted.sum()) == (2, 40 + 5)
