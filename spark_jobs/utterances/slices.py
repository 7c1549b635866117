"""Which slices of `utterances` (a source's day) have to be written anew when files came, changed or left.

The table's last commit says which files it holds and for which window, so the difference to the files there
are now is all there is to do. A new file's rows are added to the days they are of; a day that lost a file, or
came into the window, is read again from its files; a day that left the window goes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from spark_jobs.inputs import InputFile
from spark_jobs.utterances.config import Window
from spark_jobs.warehouse import is_table

STATE = "utterances"
"""Key of the state in a commit's `userMetadata`."""
_HOUSEKEEPING = frozenset({"VACUUM START", "VACUUM END", "OPTIMIZE"})
"""Operations whose commits leave the rows as they are, whoever started them."""
_RECENT = 10
"""Commits that are looked at for one that changed rows: each is a file to be read."""
Days = Mapping[str, Collection[date]]
"""Snapshot of a file -> days that it has rows of."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the slices of one source were made of."""

    window: Window
    files: frozenset[str]
    """Snapshots."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one source's slices need."""

    added: list[InputFile]
    """Files that no slice holds yet: read whole, and added to what is there."""
    again: dict[str, set[date]] = field(default_factory=dict)
    """Snapshots of files that are held -> days of them that are read again."""
    stale: set[date] = field(default_factory=set)
    """Days whose slices are written anew, from `added` and `again` alone."""
    gone: set[date] = field(default_factory=set)
    """Days that left the window."""
    whole: bool = False
    """Nobody knows what the slices hold: all of the source's are replaced by what `added` has."""

    @property
    def nothing(self) -> bool:
        """Whether all is as it should be."""
        return not (self.added or self.stale or self.gone or self.whole)


def work_of(files: Sequence[InputFile], window: Window, held: Held | None, days: Days) -> Work:
    """What has to be done for one source.

    `files`: all it has now; `held`: what its slices hold, None where nobody knows; `days`: what is known of
    files. A held file that `days` does not name may have any day: then all is read again.
    """
    if held is None or any(snapshot not in days for snapshot in held.files):
        return Work(list(files), whole=True)
    now = {file.snapshot for file in files}
    kept, lost = held.files & now, held.files - now

    def having(snapshots: Collection[str], *, before: bool, after: bool) -> set[date]:
        """Days of some files that are in the window of before, or of now, or of both."""
        own = {day for snapshot in snapshots for day in days[snapshot]}
        return {day for day in own if (day in held.window) == before and (day in window) == after}

    stale = having(lost, before=True, after=True) | having(kept, before=False, after=True)
    gone = having(held.files, before=True, after=False)
    again = {snapshot: stale.intersection(days[snapshot]) for snapshot in sorted(kept)}
    added = [
        file
        for file in files
        if file.snapshot not in held.files
        and (file.snapshot not in days or any(day in window for day in days[file.snapshot]))
    ]
    return Work(added, {snapshot: own for snapshot, own in again.items() if own}, stale, gone)


def held_by(path: str) -> dict[str, Held]:
    """By source, what the table's slices hold; nothing where the last commit that changed rows is none of
    ours."""
    if not is_table(path):
        return {}
    from deltalake import DeltaTable

    changed = (one for one in DeltaTable(path).history(_RECENT) if one.get("operation") not in _HOUSEKEEPING)
    metadata = next(changed, {}).get("userMetadata")
    try:
        state = json.loads(metadata)[STATE] if metadata else {}
        return {
            source: Held(Window(*map(date.fromisoformat, one["window"])), frozenset(one["files"]))
            for source, one in state.items()
        }
    except (ValueError, KeyError, TypeError):
        return {}


def state_after(held: Mapping[str, Held], files: Sequence[InputFile], window: Window) -> dict[str, Any]:
    """The state for the commit that brings the sources of these files up to date; others keep theirs."""
    after = dict(held)
    for source in {file.source for file in files}:
        own = frozenset(file.snapshot for file in files if file.source == source)
        after[source] = Held(window, own)
    return {
        source: {
            "window": [one.window.first.isoformat(), one.window.last.isoformat()],
            "files": sorted(one.files),
        }
        for source, one in sorted(after.items())
    }
