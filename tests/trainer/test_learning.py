"""A model learns from real text: the demo's, made into a release without Spark."""

import io
import json
import math

import pyarrow as pa
import pytest
import sentencepiece

pytest.importorskip("torch")

from schemas.sequences import SEQUENCES
from schemas.tokenizer import CARD_FILE, MODEL_FILE, Tokenizer
from spark_jobs.readers import Documents, ReaderOptions, Split, read
from spark_jobs.tokenizer.vocabulary import VocabularyConfig, options
from tests.trainer.launch import ROOT, pretrain
from tests.trainer.releases import Made, write_table
from trainer.logs import read_table

WORDS = 300  # of a row


def texts() -> list[tuple[str, str]]:
    """(language, text) of the demo's mC4, in rows; what is damaged there is left out."""
    found = []
    for path in sorted((ROOT / "data/demo/mc4").glob("*.jsonl.gz")):
        lang = path.name.partition(".")[0]
        for read_ in read("mc4", Split(uri=str(path)), ReaderOptions()):
            for text in read_.texts if isinstance(read_, Documents) else ():
                words = str(text).split()
                found += [(lang, " ".join(words[n : n + WORDS])) for n in range(0, len(words), WORDS)]
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A release of these texts with 4,000 pieces; and the entropy of single tokens in it, in nats."""
    folder = tmp_path_factory.mktemp("demo")
    rows = [
        {
            **{"seq_id": n, "stage": 1, "lang": lang, "source": "mc4", "form": "written", "text": text},
            **{
                "n_words": len(text.split()),
                "n_sentences": 1,
                "n_docs": 1,
                "n_source_words": len(text.split()),
            },
        }
        for n, (lang, text) in enumerate(sorted(texts(), key=lambda one: hash_of(one[1])))
    ]
    model = io.BytesIO()
    settings = options(VocabularyConfig(vocab_size=4000), "")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(row["text"][:1000] for row in rows), model_writer=model, minloglevel=2, **settings
    )
    tokenizer = folder / "tokenizers/t"
    tokenizer.mkdir(parents=True)
    (tokenizer / MODEL_FILE).write_bytes(model.getvalue())
    held = Tokenizer.from_bytes(model.getvalue())
    (tokenizer / CARD_FILE).write_text(json.dumps({"sha256": held.sha256}), "utf-8")
    columns = pa.Table.from_pylist(rows, SEQUENCES.arrow_schema())
    release = folder / "releases/r"
    sizes = [min(64, len(rows) - n) for n in range(0, len(rows), 64)]
    entry = write_table(release / "stage1", [(columns, sizes)])
    entry["words"] = {lang: {"written": 1} for lang in sorted({row["lang"] for row in rows})}
    manifest = {"name": "r", "tables": {"stage1": entry}, "tokenizer_sha256": None, "expires": None}
    (release / "release.json").write_text(json.dumps(manifest), "utf-8")
    counts = held.encode(columns["text"]).flatten().value_counts().field("counts").to_pylist()
    total = sum(counts)
    return Made(release, tokenizer, rows), -sum(n / total * math.log(n / total) for n in counts)


def hash_of(text: str) -> int:
    return sum(text.encode()) * 2654435761 % (1 << 32)


@pytest.mark.slow
def test_the_loss_falls_below_the_entropy_of_single_tokens_within_a_minute(demo, tmp_path):
    made, entropy = demo
    config = ROOT / "conf/pretrain/demo.yaml"
    ended = pretrain(1, config, made, tmp_path / "out", "--json", "--set", "batch.rows=4")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["measured_before"]["all"] == pytest.approx(math.log(4000), abs=0.5)
    assert summary["measured_after"]["all"] < entropy - 0.1
    assert float(read_table(tmp_path / "out/log.csv")[-1]["loss"]) < entropy - 0.1
    # On two free cores it is half a minute; other work may run beside.
    assert summary["seconds"] < 120
