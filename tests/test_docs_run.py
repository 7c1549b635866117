"""What README and docs/ show is what comes out: the quick start, the Python example, the SQL, the demo."""

import contextlib
import gzip
import io
import itertools
import json
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from schemas.version import VERSION
from spark_jobs import cli
from spark_jobs.outline import outline, print_outline
from spark_jobs.plan import plan_build
from spark_jobs.progress import Progress
from spark_jobs.readers import Documents, ReaderOptions, Split, read
from spark_jobs.recipe import load_recipe
from spark_jobs.report import print_release, release_figures
from spark_jobs.status import print_warehouse, warehouse_figures
from spark_jobs.tokenizer.apply import Application
from spark_jobs.tokenizer.printed import print_card
from spark_jobs.tokenizer.store import read_model
from spark_jobs.tokenizer.train import TrainConfig, Training, plan_training
from spark_jobs.tokenizer.vocabulary import VocabularyConfig
from tests.integration.corpora import build
from tests.markdown import ROOT, fences, rows, section

README, START, TABLES = ROOT / "README.md", ROOT / "docs/quick-start.md", ROOT / "docs/tables.md"

ENGLISH = (
    ("The baker", "A tall sailor", "My old neighbour", "The night nurse", "Her cousin"),
    ("found a letter", "lost a key", "heard a song", "sold a bicycle"),
    ("behind the station", "near the quiet harbour", "under the wooden bridge"),
    ("before the rain began.", "on the way home."),
)
FRENCH = (
    ("Le facteur", "Ma tante", "Un vieux marin", "La voisine"),
    ("cherche une lettre", "a perdu une clef", "chante une chanson"),
    ("derrière la gare.", "près du port tranquille.", "sous le pont de bois."),
)
GERMAN = (
    ("Der Bäcker", "Meine Tante", "Die Nachbarin"),
    ("sucht einen Brief", "hört ein Lied", "findet einen Schlüssel"),
    ("hinter dem Bahnhof.", "unter der alten Brücke."),
)


def texts(parts) -> list[str]:
    """Every sentence of the parts, the last part changing first."""
    return [" ".join(words) for words in itertools.product(*parts)]


@pytest.fixture(scope="module")
def first(spark, tmp_path_factory):
    """The quick start's files, its recipe, and the release that comes of them; (folder, warehouse)."""
    folder = tmp_path_factory.mktemp("quick-start")
    root = folder / "my-data"
    for name in ("forum", "notes", "letters"):
        (root / name).mkdir(parents=True)
    posts = texts(ENGLISH)  # 5 * 4 * 3 * 2 = 120
    lines = [json.dumps({"id": n, "body": text}) for n, text in enumerate(posts)]
    lines.append('{"id": 120, "body": "cut of')
    (root / "forum/en.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    notes = texts(FRENCH) + posts[:4]  # 4 * 3 * 3 = 36, and 4 copies
    columns = {"text": notes, "language": ["fr"] * 36 + ["en"] * 4}
    pq.write_table(pa.table(columns), root / "notes/notes.parquet")
    (root / "letters/de.txt").write_text("\n".join(texts(GERMAN)) + "\n", "utf-8")  # 3 * 3 * 2 = 18
    (folder / "my.yaml").write_text(fences(START, "yaml")[0].text, "utf-8")
    build(spark, folder / "my.yaml", folder / "out")
    return folder, folder / "out"


def printed(print_figures, figures) -> set[str]:
    """The lines that a command prints on a wide terminal."""
    console = Console(width=120, file=io.StringIO())
    print_figures(figures, console)
    return {line.rstrip() for line in console.file.getvalue().splitlines()}


def shown(text: str) -> list[str]:
    """The lines that a page shows."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_the_quick_start_shows_what_its_commands_print(first):
    folder, out = first
    _, plan, mistake, report, _, quarantine, _ = (fence.text for fence in fences(START, "text"))
    recipe = load_recipe(str(folder / "my.yaml"))
    assert set(shown(report)) <= printed(print_release, release_figures(str(out), "first"))
    assert set(shown(quarantine)) <= printed(print_warehouse, warehouse_figures(str(out)))
    outlined = printed(print_outline, outline(plan_build(recipe, str(folder / "other"))))
    assert set(shown(plan)) <= outlined
    assert len(shown(mistake)) == 2


def test_the_mistake_in_the_quick_start_is_said_so(first, capsys):
    folder, _ = first
    text = (folder / "my.yaml").read_text("utf-8").replace("forum/*", "forums/*")
    (folder / "wrong.yaml").write_text(text, "utf-8")
    assert cli.main(["plan", str(folder / "wrong.yaml"), "--warehouse", str(folder / "w")]) == 2
    said = capsys.readouterr().err.replace(f"{folder}/", "")
    assert said == fences(START, "text")[2].text


def test_the_second_build_says_that_there_is_nothing_to_do(first, capsys):
    folder, out = first
    assert cli.main(["build", str(folder / "my.yaml"), "--warehouse", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err == fences(START, "text")[4].text
    assert set(shown(fences(START, "text")[3].text)) <= {line.rstrip() for line in said.out.splitlines()}


def test_another_recipe_under_the_name_is_refused_with_exit_3(first, capsys):
    folder, out = first
    (folder / "alpha.yaml").write_text(
        (folder / "my.yaml").read_text("utf-8") + "resample: {alpha: 1}\n", "utf-8"
    )
    assert cli.main(["build", str(folder / "alpha.yaml"), "--warehouse", str(out)]) == 3
    assert "another recipe (resample differ)" in capsys.readouterr().err


def test_the_folders_of_the_quick_start_are_there(first):
    folder, _ = first
    block = fences(START, "text")[-1].text
    named = re.findall(r"(out/[\w./]+)", block)
    assert len(named) == 7
    assert all((folder / name).exists() for name in named)


def test_the_python_example_reads_a_release_with_deltalake_alone(first):
    _, out = first
    [example] = fences(README, "python")
    assert len(shown(example.text)) <= 8
    source = example.text.replace("out/demo/releases/demo", str(out / "releases/first"))
    assert source != example.text
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(source, {})
    manifest = json.loads((out / "releases/first/release.json").read_text("utf-8"))
    assert said.getvalue().count("\n") == manifest["tables"]["stage1"]["rows"] == 7
    assert set(re.findall(r"^\d+ (..) (spoken|written) \d+$", said.getvalue(), re.MULTILINE)) == {
        (lang, form)
        for lang, words in manifest["tables"]["stage1"]["words"].items()
        for form in words
        if words[form]
    }
    assert manifest["software"] == VERSION


def test_the_sql_of_the_tables_page_runs_and_finds_the_fingerprint(spark, first):
    _, out = first
    queries = [fence.text for fence in fences(TABLES, "sql")]
    moved = [q.replace("out/demo", str(out)).replace("releases/demo", "releases/first") for q in queries]
    answers = [spark.sql(q.replace("'demo'", "'first'")).collect() for q in moved]
    fingerprint, reasons, dropped, ledger = answers
    manifest = json.loads((out / "releases/first/release.json").read_text("utf-8"))
    assert fingerprint[0].fingerprint == manifest["tables"]["stage1"]["fingerprint"]
    assert [(r.lang, r.reason, r.documents) for r in reasons] == [("en", "duplicate_v1", 4)]
    assert dropped == []  # no boilerplate among these texts
    assert ledger
    assert all(row.rows_in == row.accounted_for for row in ledger)


def test_of_ten_lines_with_a_bad_byte_nine_are_read_and_one_is_quarantined(tmp_path):
    lines = [json.dumps({"text": f"Line {n} of ten."}).encode() for n in range(10)]
    lines[3] = lines[3].replace(b"Line", b"L\xffne")
    (tmp_path / "en.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    found = list(read("jsonl", Split(uri=str(tmp_path / "en.jsonl")), ReaderOptions()))
    good = sum(len(one.texts) for one in found if isinstance(one, Documents))
    bad = [one.reason for one in found if not isinstance(one, Documents)]
    assert (good, bad) == (9, ["not_utf8"])
    [row] = [row for row in rows(section(README, "## Beside other tools")) if row[0].startswith("a bad byte")]
    assert row[-1] == "9 rows, 1 in quarantine"


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(spark, tmp_path):
    # In the tests' own session; the command would start another one.
    data = tmp_path / "data"
    shutil.copytree(ROOT / "data/demo", data / "demo")
    recipe = tmp_path / "conf/recipes/demo.yaml"
    recipe.parent.mkdir(parents=True)
    shutil.copy(ROOT / "conf/recipes/demo.yaml", recipe)
    warehouse = str(tmp_path / "out")
    manifest = build(spark, recipe, tmp_path / "out")
    config = TrainConfig(name="demo-8k", release="demo", vocabulary=VocabularyConfig(vocab_size=8000))
    progress = Progress(io.StringIO())
    card = Training(plan_training(config, warehouse, manifest), spark, progress).run()
    Application(spark, warehouse, manifest, read_model(warehouse, "demo-8k")[0], progress).run()
    lines = printed(print_release, release_figures(warehouse, "demo")) | printed(print_card, card)
    made, trained = (shown(fence.text) for fence in fences(README, "text")[:2])
    wanted = [line for line in made if "release " not in line]
    wanted += [line for line in trained if not line.startswith("tokenizer demo-8k")]
    stale = [line for line in wanted if line not in lines]
    now = [line for line in sorted(lines) if any(line.startswith(old[:10]) for old in stale)]
    assert not stale, "paste these into README.md:\n" + "\n".join(now)
    assert len(wanted) > 15
