"""A warehouse with a tokenizer, and short ways to train and to call commands in the tests' own session."""

import dataclasses
import io

from schemas.statistics import STATISTICS
from spark_jobs import cli
from spark_jobs.manifest import read_manifest
from spark_jobs.progress import Progress
from spark_jobs.tokenizer.train import TrainConfig, Training, plan_training
from spark_jobs.tokenizer.vocabulary import VocabularyConfig
from spark_jobs.warehouse import read_table

SIZE = 2800
"""Of which 2,137 and the kana have to be there: the release has Japanese."""


@dataclasses.dataclass(frozen=True)
class House:
    """A warehouse with a release and a tokenizer trained on it."""

    path: str
    name: str

    @property
    def manifest(self):
        return read_manifest(self.path, self.name)

    @property
    def release(self) -> str:
        return f"{self.path}/releases/{self.name}"


def quiet() -> Progress:
    return Progress(io.StringIO())


def config(name="t", size=SIZE, **values) -> TrainConfig:
    return TrainConfig(name=name, release="r", vocabulary=VocabularyConfig(vocab_size=size), **values)


def train(spark, house, **values):
    plan = plan_training(config(**values), house.path, house.manifest)
    return Training(plan, spark, quiet()).run()


def figures_of(house, tokenizer="t") -> list[dict]:
    """The rows of `statistics` about a tokenizer."""
    return read_table(house.path, STATISTICS, [("bucket", "=", tokenizer)]).to_pylist()


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of `corpus …`; a House stands for its --warehouse and --release."""
    words = []
    for argument in arguments:
        house = isinstance(argument, House)
        words += ["--warehouse", argument.path, "--release", argument.name] if house else [argument]
    code = cli.main(words)
    said = capsys.readouterr()
    return code, said.out, said.err
