"""Which days are written anew when files come, change or leave: against a model that keeps everything."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.inputs import InputFile
from spark_jobs.utterances.config import Window
from spark_jobs.utterances.slices import Held, work_of

FIRST = date(2026, 11, 1)
DAYS = [FIRST + timedelta(n) for n in range(6)]
WEEK = Window(DAYS[0], DAYS[-1])


def file(name: str) -> InputFile:
    return InputFile("assistant", 0, name, name, 1, None, name, name)


def test_a_new_day_touches_only_its_own_slice():
    days = {"a": {DAYS[0]}, "b": {DAYS[1]}}
    work = work_of([file("a"), file("b"), file("c")], WEEK, Held(WEEK, frozenset("ab")), days)
    assert ([f.snapshot for f in work.added], work.stale, work.gone, work.again) == (["c"], set(), set(), {})


def test_a_file_that_left_makes_its_days_be_read_from_the_files_that_are_left():
    days = {"a": {DAYS[0], DAYS[1]}, "b": {DAYS[1], DAYS[2]}}
    work = work_of([file("b")], WEEK, Held(WEEK, frozenset("ab")), days)
    assert (work.added, work.stale, work.again) == ([], {DAYS[0], DAYS[1]}, {"b": {DAYS[1]}})


def test_a_window_that_moves_drops_days_and_reads_those_that_came_in():
    days = {"a": set(DAYS)}
    old, new = Window(DAYS[0], DAYS[2]), Window(DAYS[1], DAYS[3])
    work = work_of([file("a")], new, Held(old, frozenset("a")), days)
    assert (work.gone, work.stale, work.again) == ({DAYS[0]}, {DAYS[3]}, {"a": {DAYS[3]}})


def test_what_nobody_knows_is_read_again():
    assert work_of([file("a")], WEEK, None, {}).whole
    assert work_of([file("a")], WEEK, Held(WEEK, frozenset("ab")), {"a": set(DAYS)}).whole


def test_nothing_changed_nothing_to_do():
    days = {"a": {DAYS[0]}, "old": {date(2020, 1, 1)}}
    files = [file("a"), file("old")]
    assert work_of(files, WEEK, Held(WEEK, frozenset("a")), days).nothing


_sets = st.sets(st.sampled_from(DAYS))
_windows = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(
    lambda ab: Window(DAYS[min(ab)], DAYS[max(ab)])
)


@given(
    contents=st.lists(_sets, min_size=5, max_size=5),
    held=st.sets(st.integers(0, 4)),
    now=st.sets(st.integers(0, 4)),
    before=_windows,
    after=_windows,
)
def test_the_slices_become_those_of_a_table_from_scratch(contents, held, now, before, after):
    """A table is a set of (file, day); the work turns the old one into what reading all anew would give."""
    days = {str(n): own for n, own in enumerate(contents)}
    table = {(str(n), day) for n in held for day in contents[n] if day in before}
    work = work_of([file(str(n)) for n in sorted(now)], after, Held(before, frozenset(map(str, held))), days)
    new = {(f.snapshot, day) for f in work.added for day in days[f.snapshot] if day in after}
    again = {(snapshot, day) for snapshot, own in work.again.items() for day in own}
    base = {(f, day) for f, day in table if day not in work.stale | work.gone}
    assert base.isdisjoint(new | again)  # nothing is counted twice
    assert base | new | again == {(str(n), day) for n in now for day in contents[n] if day in after}
