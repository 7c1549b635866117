"""Rules replace what they find, count it, and leave everything else alone."""

import random
import string
import subprocess
import sys
import venv
from pathlib import Path

import pyarrow as pa
import pytest

from spark_jobs.errors import ConfigError
from spark_jobs.utterances.anonymise import Rule, anonymise

EMAIL = Rule(name="email", pattern=r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = Rule(name="number", pattern=r"\b\d(?:[ -]?\d){6,}\b", placeholder="<long number>")


def test_matches_become_placeholders_and_are_counted():
    texts = pa.array(["mail ann@example.org and bob@x.co.uk", "call 030 123 45 67", "play jazz"])
    left, found = anonymise(texts, "en", (EMAIL, NUMBER))
    assert left.to_pylist() == ["mail <email> and <email>", "call <long number>", "play jazz"]
    assert {name: times.to_pylist() for name, times in found.items()} == {
        "email": [2, 0, 0],
        "number": [0, 1, 0],
    }


def test_a_rule_of_some_languages_leaves_the_others_alone():
    rule = Rule(name="word", pattern="jazz", languages=("de",))
    texts = pa.array(["play jazz"])
    assert anonymise(texts, "en", (rule,)) == (texts, {})
    assert anonymise(texts, "de", (rule,))[0].to_pylist() == ["play <word>"]


def test_no_planted_canary_is_left():
    """Recall on addresses and numbers planted in sentences of several scripts: all of them."""
    rng = random.Random(7)
    carriers = ["schreib an {} bitte", "{} को मेल करो", "send it to {}", "{}", "メールは{} です"]
    canaries, texts = [], []
    for n in range(500):
        name = "".join(rng.choices(string.ascii_lowercase + string.digits + "._+-", k=8)).strip("._+-") or "x"
        canary = f"{name}@mail{n}.example.com" if n % 2 else f"{rng.randrange(10**9, 10**10)}"
        canaries.append(canary)
        texts.append(rng.choice(carriers[:4] if n % 2 == 0 else carriers).format(canary))
    left, found = anonymise(pa.array(texts), "en", (EMAIL, NUMBER))
    survived = [c for c, text in zip(canaries, left.to_pylist(), strict=True) if c in text]
    assert survived == []
    assert sum(sum(times.to_pylist()) for times in found.values()) == 500


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": "a"}, "either pattern or presidio"),
        ({"name": "a", "pattern": "("}, "a regular expression of RE2"),
        ({"name": "a", "pattern": r"(?=x)y"}, "a regular expression of RE2"),
        ({"name": "a", "pattern": "x*"}, "does not match nothing"),
        ({"name": "a b", "pattern": "x"}, "letters, digits"),
        ({"name": "a", "pattern": "x", "placeholder": " "}, "without backslashes and spare blanks"),
        ({"name": "a", "pattern": "x", "placeholder": r"\0"}, "without backslashes"),
        ({"name": "a", "pattern": "x", "languages": ("xx",)}, "ar, de, en"),
    ],
)
def test_a_wrong_rule_is_refused_by_name(values, says):
    with pytest.raises(ConfigError, match=says):
        Rule(**values)


PRESIDIO = """
import pyarrow as pa
from spark_jobs.errors import ConfigError
from spark_jobs.utterances.anonymise import Rule, anonymise
rule = Rule(name="pii", presidio=("EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER"), min_score=0.4)
texts = pa.array(["mail ann@example.org", "play jazz", "ping 10.0.0.1", "call +1 650 253 0000", "play jazz"])
left, found = anonymise(texts, "en", (rule,))
assert left.to_pylist() == ["mail <pii>", "play jazz", "ping <pii>", "call <pii>", "play jazz"], left
assert found["pii"].to_pylist() == [1, 0, 1, 1, 0]
try:
    Rule(name="pii", presidio=("NOBODY",))
except ConfigError as error:
    assert "EMAIL_ADDRESS" in str(error)
else:
    raise AssertionError("an unknown recogniser was accepted")
"""


@pytest.mark.slow  # installs 410 MB
def test_presidio_finds_what_it_knows_and_fetches_nothing(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python, home = tmp_path / "venv/bin/python", Path(__file__).parents[3]
    wanted = ("presidio-analyzer", "numpy", "pyarrow", "pyyaml")
    install = [python, "-m", "pip", "install", "--quiet", "-c", home / "constraints.txt", *wanted]
    subprocess.run(install, check=True)
    done = subprocess.run([python, "-c", PRESIDIO], cwd=home, capture_output=True, text=True, check=False)
    assert (done.returncode, "urlopen" in done.stderr, "Connection" in done.stderr) == (0, False, False), done


def test_a_rule_of_presidio_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(ConfigError, match=r"pip install 'teacher-model\[presidio\]'"):
        Rule(name="pii", presidio=("EMAIL_ADDRESS",))
