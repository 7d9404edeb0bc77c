"""`monitor.compare(reference, current)`: one comparison of two tables, no config, no store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.core.columns import Column, Kind, Roles
from monitor.core.errors import SourceNotFoundError
from monitor.core.finding import Alarm, Finding
from monitor.core.ports import Source
from monitor.sources.files import Files
from monitor.sources.frame import Frame
from monitor.steps import alarms as events
from monitor.steps.baseline import Baseline, build, check_roles, open_window
from monitor.steps.document import document
from monitor.steps.engine import engine_of
from monitor.steps.judge import Judged, judge_pair
from monitor.steps.roles import completed
from monitor.steps.setup import Setup

if TYPE_CHECKING:
    import pandas as pd

    from monitor.profiles.types import Profile
    from reports.view import ReportView

#: A reference without a history is judged as a whole; its blocks only tell how rows cluster, which
#: 6 × 20 stretches of a file do well enough (each block costs every column a fixed amount).
_BLOCKS = 6

# What draws is imported where something is drawn: a third of a second that JSON need not wait.


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a comparison was made from, for its report."""

    baseline: Baseline
    profile: Profile
    started: datetime
    finished: datetime
    reference_label: str
    current_label: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison found; shows itself in a notebook."""

    columns: tuple[Column, ...]
    findings: tuple[Finding, ...]
    alarms: tuple[Alarm, ...]
    rows_reference: int
    rows_current: int
    judged: Judged = field(repr=False)
    measured: Measured = field(repr=False)

    @cached_property
    def view(self) -> ReportView:
        """What the report shows, put together when it is first asked for."""
        from monitor.steps import page  # noqa: PLC0415
        from monitor.steps.columns import Past  # noqa: PLC0415

        measured = self.measured
        run = page.Run(
            monitor="comparison",
            window=None,
            baseline=measured.baseline,
            profile=measured.profile,
            judged=self.judged,
            alarms=self.alarms,
        )
        frame = page.Frame(
            generated_at=measured.finished,
            seconds=(measured.finished - measured.started).total_seconds(),
            reference_label=measured.reference_label,
            current_label=measured.current_label,
        )
        return page.view(run, Past(), (), frame)

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the columns that differ from the reference."""
        return tuple(dict.fromkeys(f.column for f in self.findings if f.drifted and f.column))

    @cached_property
    def verdict(self) -> str:
        """One sentence."""
        from reports import headline  # noqa: PLC0415

        return headline.verdict(self.view)

    def to_dict(self, *, report: str | None = None) -> dict[str, Any]:
        """The JSON document of `driftloop compare --json`."""
        return document(
            monitor=None,
            window=None,
            rows_reference=self.rows_reference,
            rows_current=self.rows_current,
            columns=self.columns,
            findings=self.findings,
            alarms=self.alarms,
            report=report,
        )

    def to_pandas(self) -> pd.DataFrame:
        """One row for each finding, columns as in `to_dict()["findings"]`."""
        import pandas as pd  # noqa: PLC0415 - half a second that most callers need not wait

        rows = [finding.to_dict() for finding in self.findings]
        return pd.DataFrame(rows, columns=list(Finding.__dataclass_fields__))[_ORDER]

    def to_html(self) -> str:
        """The report, one page without outside files."""
        import reports  # noqa: PLC0415

        return reports.render(self.view)

    def save_html(self, path: str | Path) -> Path:
        """Write the report; returns where it lies."""
        from monitor.steps import page  # noqa: PLC0415

        place = Path(path)
        page.write(self.view, place)
        return place

    def _repr_html_(self) -> str:
        import reports  # noqa: PLC0415

        return reports.notebook(self.view)

    def __str__(self) -> str:
        return self.verdict


_ORDER = [
    "check", "column", "segment", "statistic", "value", "interval", "p_value", "effect",
    "threshold", "n_reference", "n_current", "severity", "drifted", "message", "rows",
]  # fmt: skip


def compare(
    reference: Any,
    current: Any,
    *,
    label: str | None = None,
    prediction: str | None = None,
    score: str | Iterable[str] = (),
    id: str | None = None,  # noqa: A002 - the word of the field, and of the config
    timestamp: str | None = None,
    model_version: str | None = None,
    embedding: str | Iterable[str] = (),
    segment: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    kinds: dict[str, Kind] | None = None,
) -> Comparison:
    """Compare a table with its reference.

    Parameters
    ----------
    reference, current : pandas, polars or pyarrow table, or path
        Any object that speaks the Arrow PyCapsule protocol, or the path of a file, folder, glob
        or URL.
    label, prediction, score, id, timestamp, model_version, embedding, segment, ignore : str
        Roles of columns; what is not named is guessed from names and content, cautiously.
    kinds : mapping of column to kind, optional
        Kinds that are fixed rather than inferred.

    Raises
    ------
    SourceError
        A table cannot be read, is empty, or lacks a column that was named.

    Examples
    --------
    >>> import pyarrow as pa
    >>> same = pa.table({"x": list(range(100)) * 20})
    >>> monitor_says = compare(same, same)
    >>> monitor_says.drifted
    ()
    """
    named = Roles(
        timestamp=timestamp,
        id=id,
        label=label,
        prediction=prediction,
        scores=_listed(score),
        model_version=model_version,
        segments=_listed(segment),
        embeddings=_listed(embedding),
        ignore=_listed(ignore),
        kinds=tuple((kinds or {}).items()),
    )
    return compare_sources(_source(reference, "reference"), _source(current, "current"), named)


def compare_sources(old: Source, new: Source, named: Roles) -> Comparison:
    """Compare two sources: learn the one, read the other once, judge."""
    started = datetime.now(UTC)
    check_roles(old, named)
    setup = Setup(roles=completed(old, named), blocks=_BLOCKS)
    engine = engine_of()
    baseline = build(old, setup, engine)
    reading = open_window(new, baseline.plan, None, None)
    profile = engine.profile(reading, baseline.plan)
    judged = judge_pair(baseline, setup, profile, reading.notes)
    alarms = events.once(judged.findings)
    return Comparison(
        columns=baseline.plan.columns,
        findings=judged.findings,
        alarms=alarms,
        rows_reference=baseline.pooled.rows,
        rows_current=profile.rows,
        judged=judged,
        measured=Measured(
            baseline=baseline,
            profile=profile,
            started=started,
            finished=datetime.now(UTC),
            reference_label=old.describe(),
            current_label=new.describe(),
        ),
    )


def _listed(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _source(data: Any, name: str) -> Source:
    """A file, or a table in memory."""
    if isinstance(data, str | Path):
        if not str(data).strip():
            msg = f"The path of the {name} is empty. Name a file, folder, glob or URL."
            raise SourceNotFoundError(msg)
        return Files(Files.Options(path=str(data)))
    return Frame(data, f"the {name} frame")
