from bench.spoken_table import page

SCORED = """de\tdate\t4/12
de\tyear\t1/1
en\tdate\t44/52
total\tde\tA\t77/147\t0.524
total\ten\tA\t264/326\t0.810
total\ten\tC\t9/10\t0.900
total\tall\tall\t122/212\t0.575
"""


def test_a_page_has_a_row_for_each_language_and_each_class():
    assert page(SCORED.splitlines(keepends=True)).splitlines() == [
        "|  | A | C |",
        "|---|---|---|",
        "| de | 77/147 (52.4%) |  |",
        "| en | 264/326 (81.0%) | 9/10 (90.0%) |",
        "",
        "| class | de | en |",
        "|---|---|---|",
        "| date | 4/12 | 44/52 |",
        "| year | 1/1 |  |",
    ]
