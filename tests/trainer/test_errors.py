"""Errors say the thing, where, why and what to do, also from another process."""

import pickle

from trainer.errors import ConfigError, SnapshotError, StateError, TeacherError


def test_an_error_is_a_block_of_the_lines_that_were_given():
    said = str(SnapshotError("f is missing", where="w", do="restore it"))
    assert said == "f is missing\n  where  w\n  do     restore it"


def test_a_wrong_setting_names_key_value_and_what_is_accepted():
    assert str(ConfigError("lanes", 0, accepted="1 or more")) == "lanes is 0, accepted: 1 or more"


def test_exit_codes_are_those_of_corpus():
    kinds = (TeacherError, ConfigError, SnapshotError, StateError)
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 3]


def test_an_error_comes_whole_from_a_loader_process():
    error = pickle.loads(pickle.dumps(ConfigError("lanes", 0, accepted="1 or more", why="x")))
    assert type(error) is ConfigError
    assert (error.key, error.value, str(error)) == ("lanes", 0, "lanes is 0, accepted: 1 or more\n  why    x")
