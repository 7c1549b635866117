"""A dump that comes later: only its files are read, and a release of both sees both."""

from schemas.documents import DOCUMENTS
from schemas.ledger import LEDGER
from spark_jobs.plan import plan_build
from spark_jobs.recipe import load_recipe
from spark_jobs.warehouse import read_arrow, read_table
from tests.integration.corpora import build, mc4, write_recipe
from tests.spark_jobs.utterances.files import jsonl

OLD = [f"Lantern number {n} hangs over the harbour of the town." for n in range(30)]
NEW = [*OLD[:5], *(f"Kettle number {n} sings in the kitchen of the inn." for n in range(20))]
HEARD = {"text": "turn the lamp in the hall off", "locale": "en-US"}


def recipe_of(folder, root, release, *sources):
    listed = [{"name": name, "format": "mc4", "path": f"{name}/*.jsonl.gz"} for name in sources]
    stream = {"name": "assistant", "format": "jsonl", "path": "utterances"}
    utterances = {"sources": [stream], "as_of": "2026-11-04"}
    return write_recipe(folder / f"{release}.yaml", root, listed, release=release, utterances=utterances)


def read_files(warehouse) -> set[str]:
    """Origins that the ledger knows of ingest."""
    ingest = read_table(str(warehouse), LEDGER, filters=[("step", "=", "ingest")])
    return set(ingest["run_id"].to_pylist())


def test_a_later_dump_reads_its_own_files_and_a_later_release_sees_both(spark, tmp_path):
    raw, warehouse = tmp_path / "raw", tmp_path / "w"
    mc4(raw / "dump1/en.jsonl.gz", OLD)
    jsonl(raw / "utterances/2026-11-01.jsonl", [HEARD | {"count": 7}])
    first = build(spark, recipe_of(tmp_path, raw, "first", "dump1"), warehouse)
    before = read_files(warehouse)
    mc4(raw / "dump2/en.jsonl.gz", NEW)
    jsonl(raw / "utterances/2026-11-02.jsonl", [HEARD | {"count": 9}])
    both = build(spark, recipe_of(tmp_path, raw, "both", "dump1", "dump2"), warehouse)
    assert len(before) == 1
    assert len(read_files(warehouse)) == 2
    documents = read_arrow(str(warehouse / DOCUMENTS.name), columns=["source"])["source"].to_pylist()
    assert (documents.count("dump1"), documents.count("dump2")) == (30, 25)  # none was written twice
    later = plan_build(load_recipe(str(recipe_of(tmp_path, raw, "later", "dump2"))), str(warehouse))
    assert later.missing == []  # a source less is another recipe, and nothing to read
    seen = read_arrow(str(warehouse / "utterances")).to_pylist()
    assert sorted(row["count"] for row in seen) == [7, 9]
    words = {m.name: sum(m.tables["stage1"].words["en"].values()) for m in (first, both)}
    assert words["first"] < words["both"]
    copies = {m.name: _copies(m, warehouse) for m in (first, both)}
    assert copies == {"first": 2, "both": 4}  # floor(sqrt(7)), floor(sqrt(16))


def _copies(manifest, warehouse) -> int:
    path = warehouse / "releases" / manifest.name / "stage2"
    return sum(row["stage"] == 2 for row in read_arrow(str(path)).to_pylist())
