"""What the `teacher` command says when it stops: the wrong thing and its value, where, why and the way out.

    TeacherError         exit 1: the work failed; run it again
    ├── ConfigError      exit 2: a setting or an option is wrong, nothing was started
    ├── SnapshotError    exit 3: the release is not what it says it is, or cannot be honoured
    ├── StateError       exit 3: a saved state belongs to something else
    └── DivergedError    exit 3: the numbers of a run cannot be trusted any more

Everything else that reaches the user as a traceback is a bug of ours.
"""

from __future__ import annotations

from typing import ClassVar


class TeacherError(Exception):
    """The base of every error that the user of `teacher` can do something about.

    `str(error)` is the whole block without the leading "teacher: ": the message, then one line each for
    where it happened, why, and what to do; a line nobody gave is left out.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str = "", why: str = "", do: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.why = why
        self.do = do

    def __str__(self) -> str:
        hints = (("where", self.where), ("why", self.why), ("do", self.do))
        return "\n".join([self.message, *(f"  {name:<5}  {text}" for name, text in hints if text)])

    def __reduce__(self) -> tuple[object, ...]:
        # Loader processes send errors home by pickle, which would call a subclass with the wrong arguments.
        return _restore, (type(self), self.__dict__)


class ConfigError(TeacherError):
    """A setting or an option of a command has a value that cannot be used."""

    exit_code = 2

    def __init__(
        self, key: str, value: object, *, accepted: str, where: str = "", why: str = "", do: str = ""
    ) -> None:
        """`key` as the user wrote it; `accepted` says what would have been right."""
        super().__init__(f"{key} is {value!r}, accepted: {accepted}", where=where, why=why, do=do)
        self.key = key
        self.value = value
        self.accepted = accepted


class SnapshotError(TeacherError):
    """A release or one of its files is missing, changed, expired, or of a kind that is not read here."""

    exit_code = 3


class StateError(TeacherError):
    """A saved state of the stream does not fit what it is loaded into."""

    exit_code = 3


class DivergedError(TeacherError):
    """A loss that is no number, gradients that overflow again and again, a resume that did not come back."""

    exit_code = 3


def _restore(kind: type[TeacherError], fields: dict[str, object]) -> TeacherError:
    error = kind.__new__(kind)
    Exception.__init__(error, fields["message"])
    error.__dict__.update(fields)
    return error
