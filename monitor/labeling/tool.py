"""What an annotation tool with a server must do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from monitor.labeling.items import Item, Skipped
from monitor.labeling.spec import LabelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One item on its way out."""

    item: Item
    with_draft: bool  #: False: without the model's prediction


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A task there, found by our id in it."""

    task: str
    annotations: int  #: answers that it has


@dataclass(slots=True)
class Sent:
    """What became of a batch that was taken."""

    undrafted: list[Skipped] = field(default_factory=list)  #: taken without their draft, and why
    skipped: list[Skipped] = field(default_factory=list)  #: not sent: the tool cannot hold them


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One annotation of one task."""

    task: str
    annotation: str
    annotator: str
    state: Literal["active", "skipped"]
    value: Any  #: in the shape that `spec.LabelType` documents; checked by whoever takes it
    problem: str = ""  #: why `value` could not be read out of it
    raw: Any = None
    lead_time: float | None = None  #: seconds
    created_at: datetime | None = None
    updated_at: datetime | None = None
    gold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A page of tasks that changed, each with all answers that it has now."""

    tasks: tuple[str, ...]
    answers: tuple[Answer, ...]
    cursor: str  #: once this page is stored, go on from here


class Tool(Protocol):
    """An annotation tool with a server."""

    name: ClassVar[str]
    tasks_per_project: int  #: a project that has so many is full
    batch: int  #: items in one call at most

    def check(self) -> str:
        """Whether it answers and takes the token: who and where, in a few words.

        Raises
        ------
        LabelingError
            It is not there, or does not want us.
        """
        ...

    def open_project(
        self, title: str, spec: LabelSpec, annotators: int, *, project: str | None
    ) -> str:
        """Create a project, or check the one of that id (or title); its id.

        Raises
        ------
        LabelingError
            A project that a person made does not fit the label spec, or the tool refuses.
        """
        ...

    def find(self, project: str, ids: Sequence[str]) -> Mapping[str, Sequence[TaskRef]]:
        """The tasks of these items in a project, by our id in their data; oldest first."""
        ...

    def send(self, project: str, batch: Sequence[Outgoing], spec: LabelSpec) -> Sent:
        """Make tasks of items, all or none. What is sent twice is there twice.

        Raises
        ------
        RefusedError
            The tool wants none of them.
        UnknownOutcomeError
            They may be there or not.
        """
        ...

    def remove(self, project: str, tasks: Iterable[str]) -> None:
        """Delete tasks (surplus ones without an answer)."""
        ...

    def ask_more(self, project: str, tasks: Iterable[str], annotators: int) -> None:
        """Let so many people label these tasks, where it is another number than the project's."""
        ...

    def changed(self, project: str, spec: LabelSpec, cursor: str) -> Iterator[Changes]:
        """Tasks that changed since the cursor ("" for the beginning), page by page."""
        ...

    def ids_of(self, project: str, tasks: Sequence[str]) -> Mapping[str, str]:
        """Our id in the data of each task that has one."""
        ...

    def size(self, project: str) -> int:
        """How many tasks a project has."""
        ...

    def tasks(self, project: str) -> Set[str]:
        """The ids of all tasks of a project."""
        ...

    def watch(self, project: str, url: str, secret: str) -> None:
        """Have the project tell that address about answers, once however often it is asked."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


#: The header that carries the secret of a webhook.
SECRET_HEADER = "X-Driftloop-Secret"  # noqa: S105 - its name, not its value
#: Of an item's id; longer ones cannot be looked up, and what cannot be looked up is not sent.
LONGEST_ID = 1_000
