import pickle

import pytest

from spark_jobs.errors import ConfigError, CorpusError, GateError


def test_an_error_is_a_block_of_message_where_why_and_do():
    error = GateError(
        "quarantine holds 3.1 % of the records",
        where="mc4/en.jsonl.gz",
        why="the gate is 1 %",
        do="look at them:  corpus status out",
    )
    assert str(error) == (
        "quarantine holds 3.1 % of the records\n"
        "  where  mc4/en.jsonl.gz\n"
        "  why    the gate is 1 %\n"
        "  do     look at them:  corpus status out"
    )


def test_a_hint_nobody_gave_has_no_line():
    assert str(CorpusError("disk full", do="free some")) == "disk full\n  do     free some"


def test_a_config_error_names_the_key_the_value_and_what_is_accepted():
    error = ConfigError("resample.alpha", 1.5, accepted="a number from 0 to 1")
    assert str(error) == "resample.alpha is 1.5, accepted: a number from 0 to 1"
    assert (error.key, error.value, error.accepted) == ("resample.alpha", 1.5, "a number from 0 to 1")


@pytest.mark.parametrize(
    ("kind", "code"), [(CorpusError("x"), 1), (ConfigError("k", 0, accepted="1"), 2), (GateError("x"), 3)]
)
def test_each_kind_has_its_exit_code_and_one_base_catches_all(kind, code):
    assert isinstance(kind, CorpusError)
    assert kind.exit_code == code


@pytest.mark.parametrize("error", [ConfigError("k", [1], accepted="none", do="x"), GateError("g", why="w")])
def test_an_error_survives_the_way_from_a_worker_process(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert back.__dict__ == error.__dict__
