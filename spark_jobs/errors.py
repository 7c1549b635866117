"""What the `corpus` command says when it stops: the wrong thing and its value, where, why and the way out.

    CorpusError        exit 1: the work failed; run it again
    ├── ConfigError    exit 2: a recipe or an option is wrong, nothing was started
    └── GateError      exit 3: a check refused to go on, nothing was published

Everything else that reaches the user as a traceback is a bug of ours.
"""

from __future__ import annotations

from typing import ClassVar


class CorpusError(Exception):
    """The base of every error that the user of `corpus` can do something about.

    `str(error)` is the whole block without the leading "corpus: ": the message, then one line each for
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
        # Spark's workers send errors home by pickle, which would call a subclass with the wrong arguments.
        return _restore, (type(self), self.__dict__)


class ConfigError(CorpusError):
    """A key of the recipe or an option of a command has a value that cannot be used."""

    exit_code = 2

    def __init__(
        self, key: str, value: object, *, accepted: str, where: str = "", why: str = "", do: str = ""
    ) -> None:
        """`key` as the user wrote it, dots between levels; `accepted` says what would have been right."""
        super().__init__(f"{key} is {value!r}, accepted: {accepted}", where=where, why=why, do=do)
        self.key = key
        self.value = value
        self.accepted = accepted


class GateError(CorpusError):
    """A check on the data or on what already exists refused to go on."""

    exit_code = 3


def _restore(kind: type[CorpusError], fields: dict[str, object]) -> CorpusError:
    error = kind.__new__(kind)
    Exception.__init__(error, fields["message"])
    error.__dict__.update(fields)
    return error
