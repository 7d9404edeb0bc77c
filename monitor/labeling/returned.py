"""Labels that come back as a file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Protocol

from monitor.labeling.items import Skipped
from monitor.labeling.predictions import MisfitError, fitted
from monitor.labeling.spec import LabelSpec

#: Key or column beside a label that names who gave it.
WHO = "annotator"
#: And one for the seconds that it took.
SECONDS = "lead_time"


@dataclass(frozen=True, slots=True)
class Label:
    """One label of one item."""

    id: str  #: the item's id as text
    value: Any  #: in the shape that `spec.LabelType` documents
    annotator: str | None = None
    lead_time: float | None = None  #: seconds of work


@dataclass(slots=True)
class Returned:
    """What a file brought back. Nothing in it is left out without a word here."""

    labels: list[Label] = field(default_factory=list)
    refused: list[Skipped] = field(default_factory=list)  #: labels that do not fit the spec
    unlabelled: list[str] = field(default_factory=list)  #: items that came back without one

    def take(
        self,
        key: str,
        value: Any,
        spec: LabelSpec,
        annotator: str | None = None,
        *,
        lead_time: object = None,
    ) -> None:
        """Take a label that fits the spec; of another keep the reason why it was refused."""
        try:
            self.labels.append(Label(key, fitted(value, spec), annotator, _seconds(lead_time)))
        except MisfitError as error:
            self.refused.append(Skipped(key, str(error)))


def _seconds(given: object) -> float | None:
    """A time of work; what is none (text, infinite, below 0) is left out: the label counts."""
    try:
        seconds = float(given)  # type: ignore[arg-type]  # what it cannot take it raises for
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


class Importer(Protocol):
    """A file format in which labels come back."""

    name: ClassVar[str]

    def read(self, source: BinaryIO, spec: LabelSpec) -> Returned:
        """Read the labels. Raises `LabelingError` when the file is not of this format."""
        ...
