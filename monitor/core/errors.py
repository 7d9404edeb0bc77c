"""Every error that driftloop raises on purpose.

DriftloopError
├── UsageError                 the command line asks for something impossible (exit 2)
├── ConfigError                the config file is wrong
│   └── SecretError            a secret that the config names is not there
├── PluginError                a plug-in is unknown, or does not load
├── SourceError                the data cannot be read
│   ├── SourceNotFoundError    no file or table there
│   ├── UnreadableSourceError  it is there, but it is not what it claims to be
│   ├── SourceInterruptedError it broke off; trying again may help
│   ├── EmptySourceError       not one row in it
│   ├── BatchRefusedError      an inbox does not take what was sent
│   ├── DuplicateColumnError   two columns with one name
│   └── ColumnNotFoundError    a column that the config names is missing
├── EngineError                the cluster cannot be reached, or lost the work
├── ReferenceDataError         the reference cannot serve (too few rows, no windows)
├── ProfileError               stored profiles that do not fit together
├── StoreError                 the database is missing, old or locked
│   └── LeaseLostError         another worker holds this window now
├── DeliveryError              an alert was not delivered
│   └── PartlyDeliveredError   some of its recipients have it, some have not
└── LabelingError              the annotation tool is not there, or cannot do it
    ├── RefusedError           it understood, and will not
    └── UnknownOutcomeError    no clear answer: it may have happened
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

#: A message names so many columns, each cut to so many characters.
_NAMED, _LONGEST = 40, 60


class DriftloopError(Exception):
    """Base of all errors with a message for the user; `str()` is that message."""

    exit_code = 1


class UsageError(DriftloopError):
    """The command line asks for something impossible."""

    exit_code = 2


class ConfigError(DriftloopError):
    """The config is wrong: names the key, the value and the mend."""


class SecretError(ConfigError):
    """An environment variable or a secret file named in the config is not there."""


class PluginError(DriftloopError):
    """A plug-in is unknown or does not load."""


class SourceError(DriftloopError):
    """The data cannot be read."""


class SourceNotFoundError(SourceError):
    """No file, folder, table or URL at the place that was named."""


class UnreadableSourceError(SourceError):
    """It is there, but it is not what its name claims."""


class SourceInterruptedError(SourceError):
    """It broke off: a lost connection, a time-out, a lock. Trying again may help."""


class EmptySourceError(SourceError):
    """Not one row in it."""


class BatchRefusedError(SourceError):
    """An inbox does not take what was sent; `status` is the HTTP status that says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


class DuplicateColumnError(SourceError):
    """Two columns carry one name."""

    def __init__(self, columns: Sequence[str], source: str) -> None:
        self.columns, self.source = tuple(columns), source
        names = ", ".join(repr(name) for name in self.columns)
        super().__init__(
            f"Two columns of {source} carry one name: {names}.\n"
            "Rename one of them where the data is written."
        )


class ColumnNotFoundError(SourceError):
    """A column that the config names is missing from the source."""

    def __init__(self, column: str, source: str, available: Sequence[str], key: str = "") -> None:
        self.column, self.source, self.available = column, source, tuple(available)
        named = f" (named as {key!r})" if key else ""
        near = difflib.get_close_matches(column, self.available, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(
            f"Column {column!r}{named} is not in {source}.{hint}\n"
            f"Columns there: {_listed(self.available)}.\n"
            "Correct the name where the roles of the columns are given."
        )


class EngineError(DriftloopError):
    """The cluster cannot be reached, cannot read this source, or lost the work."""


class ReferenceDataError(DriftloopError):
    """The reference cannot serve: no rows, or none with a time in its range."""


class ProfileError(DriftloopError):
    """Stored profiles that do not fit together, or bytes that are not a profile."""


class StoreError(DriftloopError):
    """The database is missing, too old, too new or locked."""


class LeaseLostError(StoreError):
    """Another worker holds this window now; what this one did is rolled back."""


class DeliveryError(DriftloopError):
    """An alert was not delivered; `permanent` means that trying again is useless."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(message)


class PartlyDeliveredError(DeliveryError):
    """Some recipients have it; only `remaining` are to be tried again, or nobody."""

    def __init__(self, message: str, remaining: Sequence[str]) -> None:
        self.remaining = tuple(remaining)
        super().__init__(message, permanent=not self.remaining)


class LabelingError(DriftloopError):
    """The annotation tool refused, or an export cannot be written."""


class RefusedError(LabelingError):
    """The annotation tool understood, and will not; nothing of the call was done."""

    def __init__(self, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(message)


class UnknownOutcomeError(LabelingError):
    """No clear answer: what was asked for may have happened, look before asking again."""


def _listed(names: Sequence[str]) -> str:
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(shown) + more
