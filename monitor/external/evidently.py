"""Evidently: any of its column tests, and its report of the same window."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pydantic

from monitor.core.columns import Column
from monitor.core.errors import PluginError
from monitor.external.opinions import Opinion

_NUMERIC, _CATEGORICAL = "num", "cat"


class Evidently:
    """Second opinions of Evidently, on the stored samples of reference and window.

    **Config**

        [[monitors]]
        tests = ["evidently:anderson", "evidently:jensenshannon"]

    Its verdicts are told and never alarm: they do not control false alarms over columns and weeks.
    It is imported only when used (that takes seconds), and its telemetry is switched off.
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Evidently has no options."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or self.Options()

    def tests(self) -> tuple[str, ...]:
        """Names of all registered column tests."""
        with _quiet():
            from evidently.legacy.calculations import stattests  # noqa: PLC0415
            from evidently.legacy.calculations.stattests import registry  # noqa: PLC0415

            del stattests  # importing it registers the tests
            return tuple(sorted(registry._registered_stat_tests))  # noqa: SLF001 - no public list

    def judge(
        self,
        names: Sequence[str],
        reference: pa.Table,
        current: pa.Table,
        columns: Sequence[Column],
    ) -> list[Opinion]:
        """Each named test on each column that it is made for."""
        known = self.tests()
        for name in names:
            if name not in known:
                msg = f"Evidently has no column test {name!r}. It has: {', '.join(known)}."
                raise PluginError(msg)
        opinions = []
        with _quiet():
            for column in columns:
                kind = _kind(column)
                if kind is None or column.name not in current.column_names:
                    continue
                old, new = (_series(table, column.name, kind) for table in (reference, current))
                opinions += [
                    found
                    for name in names
                    if (found := _opinion(name, column.name, kind, old, new)) is not None
                ]
        return opinions

    def snapshot(self, reference: pa.Table, current: pa.Table, columns: Sequence[Column]) -> Any:
        """Evidently's own drift report and summary of the two samples."""
        with _quiet():
            from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
            from evidently.presets import DataDriftPreset, DataSummaryPreset  # noqa: PLC0415

            chosen = [(c.name, kind) for c in columns if (kind := _kind(c)) is not None]
            names = [name for name, _ in chosen if name in current.column_names]
            definition = DataDefinition(
                numerical_columns=[n for n, kind in chosen if kind == _NUMERIC and n in names],
                categorical_columns=[
                    n for n, kind in chosen if kind == _CATEGORICAL and n in names
                ],
            )
            frames = [
                _frame(table, [(n, kind) for n, kind in chosen if n in names])
                for table in (current, reference)
            ]
            data = [Dataset.from_pandas(frame, data_definition=definition) for frame in frames]
            return Report([DataDriftPreset(), DataSummaryPreset()]).run(*data)

    def save(self, snapshot: Any, path: Path) -> None:
        """Write the report as one HTML page."""
        with _quiet():
            snapshot.save_html(str(path))

    def add(self, snapshot: Any, workspace: str, project: str) -> None:
        """Add the snapshot to a project of an Evidently workspace (a folder or a URL)."""
        with _quiet():
            from evidently.ui.workspace import RemoteWorkspace, Workspace  # noqa: PLC0415

            remote = workspace.startswith(("http://", "https://"))
            place = RemoteWorkspace(workspace) if remote else Workspace.create(workspace)
            found = place.search_project(project)
            chosen = found[0] if found else place.create_project(project)
            place.add_run(chosen.id, snapshot)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No telemetry, and its warnings are not ours."""
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _kind(column: Column) -> str | None:
    if column.parent is not None or column.role in {"id", "timestamp", "ignored", "model_version"}:
        return None
    return {"numeric": _NUMERIC, "categorical": _CATEGORICAL, "boolean": _CATEGORICAL}.get(
        column.kind
    )


def _series(table: pa.Table, name: str, kind: str) -> Any:
    return _frame(table, [(name, kind)])[name]


def _frame(table: pa.Table, columns: Sequence[tuple[str, str]]) -> Any:
    """Numbers as floats, everything else as text: Evidently breaks on mixed and nullable types."""
    frame = table.select([name for name, _ in columns]).to_pandas()
    for name, kind in columns:
        values = frame[name]
        frame[name] = (
            values.astype("float64") if kind == _NUMERIC else values.astype("string").astype(object)
        )
    return frame


def _opinion(name: str, column: str, kind: str, old: Any, new: Any) -> Opinion | None:
    from evidently.legacy.calculations.stattests import registry  # noqa: PLC0415
    from evidently.legacy.core import ColumnType  # noqa: PLC0415

    kinds = ColumnType(kind)
    try:
        test = registry.get_registered_stattest(name, kinds)
    except registry.StatTestInvalidFeatureTypeError:
        return None
    try:
        found = test(old.dropna(), new.dropna(), kinds, None)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the run goes on
        reason = f"{type(error).__name__}: {error}"[:300]
        return Opinion(
            column=column, test=name, score=float("nan"), threshold=float("nan"),
            differs=False, error=reason,
        )  # fmt: skip
    return Opinion(
        column=column,
        test=name,
        score=float(found.drift_score),
        threshold=float(found.actual_threshold),
        differs=bool(found.drifted),
    )


plugin = Evidently
