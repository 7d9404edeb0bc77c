"""Evidently's own report of a window, as a page or in one of its workspaces."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa

from monitor.core.columns import Column
from monitor.core.errors import PluginError, UsageError
from monitor.core.window import Window
from monitor.external.evidently import not_there
from monitor.external.hush import hushed
from monitor.external.values import Shape, column, harmless, present, shape_of

#: The secret of a workspace server that wants one.
SECRET = "EVIDENTLY_SECRET"  # noqa: S105 - the name of a variable
_WINDOW = "driftloop_window"
_KEYS: dict[Shape, str] = {
    "num": "numerical_columns",
    "cat": "categorical_columns",
    "text": "text_columns",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A snapshot as Evidently makes it, and the columns that it could not take."""

    snapshot: Any
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """One column of both samples, under a name that is harmless in a page."""

    name: str
    title: str
    shape: Shape
    reference: pd.Series
    current: pd.Series


def draw(
    reference: pa.Table,
    current: pa.Table,
    columns: Sequence[Column],
    *,
    monitor: str,
    window: Window,
) -> Drawn:
    """Drift preset and summary of both samples, dated to the start of the window.

    Evidently writes values into its page unescaped, so `<` and `>` become `‹` and `›`. Columns
    without a value on one side, of a kind that it does not know, or that it breaks on are left out.

    Raises
    ------
    UsageError
        No column is left.
    PluginError
        Evidently does not import, or does not draw.
    """
    with hushed():
        pairs = _pairs(reference, current, columns)
        try:
            pairs, snapshot = _run(pairs, monitor, window)
        except ImportError as error:
            raise PluginError(not_there(error)) from error
        except Exception as error:
            msg = f"Evidently cannot draw this window: {type(error).__name__}: {error}"
            raise PluginError(msg) from error
    taken = {pair.name for pair in pairs}
    if snapshot is None:
        msg = f"No column of {monitor!r} has values that Evidently can draw in both samples."
        raise UsageError(msg)
    return Drawn(snapshot, tuple(one.name for one in columns if one.name not in taken))


def save(drawn: Drawn, path: Path) -> None:
    """Write the report as one page without outside files. Raises `UsageError`."""
    with hushed():
        page = drawn.snapshot.get_html_str(as_iframe=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        msg = f"The page {path} cannot be written: {error.strerror or error}."
        raise UsageError(msg) from error


def add(drawn: Drawn, workspace: str, project: str) -> None:
    """Add the snapshot to a project of a workspace: a folder, or the URL of `evidently ui`.

    The project is made when it is not there. In a folder a snapshot of the same window that
    driftloop added before is replaced; a server keeps both. Its secret comes from
    `EVIDENTLY_SECRET`.

    Raises
    ------
    PluginError
        The workspace did not take it.
    """
    with hushed():
        try:
            _add(drawn.snapshot, workspace, project)
        except Exception as error:
            msg = (
                f"The Evidently workspace {_shown(workspace)} did not take the snapshot: "
                f"{type(error).__name__}: {error}. "
                "Name a folder that can be written, or the URL where `evidently ui` runs."
            )
            raise PluginError(msg) from error


def _add(snapshot: Any, workspace: str, project: str) -> None:
    from evidently.ui.workspace import RemoteWorkspace, Workspace  # noqa: PLC0415

    remote = workspace.startswith(("http://", "https://"))
    place = (
        RemoteWorkspace(workspace, secret=os.environ.get(SECRET))
        if remote
        else Workspace.create(workspace)
    )
    found = [one for one in place.search_project(project) if one.name == project]
    chosen = found[0] if found else place.create_project(project)
    runs = () if remote else place.list_runs(chosen.id)  # its client cannot list those of a server
    old = [run for run in runs if _same(place.get_run(chosen.id, run), snapshot)]
    place.add_run(chosen.id, snapshot)
    for run in old:
        place.delete_run(chosen.id, run)


def _same(stored: Any, snapshot: Any) -> bool:
    window = snapshot.to_snapshot_model().metadata[_WINDOW]
    return stored is not None and stored.metadata.get(_WINDOW) == window


def _shown(workspace: str) -> str:
    """Without a user and password that may stand in a URL."""
    parts = urlsplit(workspace)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else workspace


def _pairs(reference: pa.Table, current: pa.Table, columns: Iterable[Column]) -> list[_Pair]:
    pairs: list[_Pair] = []
    titles: set[str] = set()
    for one in columns:
        shape = shape_of(one.kind)
        if shape is None or not all(
            _some(table, one.name, shape) for table in (reference, current)
        ):
            continue
        title = harmless(one.name)
        while title in titles:
            title += "'"
        titles.add(title)
        old, new = (_harmless(column(table, one.name, shape)) for table in (reference, current))
        pairs.append(_Pair(one.name, title, shape, old, new))
    return pairs


def _some(table: pa.Table, name: str, shape: Shape) -> bool:
    try:
        return bool(len(present(table, name, shape)))
    except Exception:  # noqa: BLE001 - a type that does not convert is left out, and told
        return False


def _harmless(values: pd.Series) -> pd.Series:
    if values.dtype != object:
        return values
    return values.map(lambda value: harmless(value) if isinstance(value, str) else value)


def _run(pairs: list[_Pair], monitor: str, window: Window) -> tuple[list[_Pair], Any]:
    """All columns together, else those that Evidently can draw alone."""
    if not pairs:
        return pairs, None
    try:
        return pairs, _snapshot(pairs, monitor, window)
    except ImportError:
        raise
    except Exception:
        pairs = [pair for pair in pairs if _draws(pair, monitor, window)] if len(pairs) > 1 else []
        if not pairs:
            raise
    return pairs, _snapshot(pairs, monitor, window)


def _draws(pair: _Pair, monitor: str, window: Window) -> bool:
    try:
        _snapshot([pair], monitor, window)
    except Exception:  # noqa: BLE001 - that is the question
        return False
    return True


def _snapshot(pairs: Sequence[_Pair], monitor: str, window: Window) -> Any:
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset, DataSummaryPreset  # noqa: PLC0415

    kinds = {
        key: [pair.title for pair in pairs if pair.shape == shape] for shape, key in _KEYS.items()
    }
    definition = DataDefinition(
        **kinds, datetime_columns=[], unknown_columns=[], list_columns=[], service_columns=None
    )
    old, new = (
        Dataset.from_pandas(pd.DataFrame(values), data_definition=definition)
        for values in (
            {pair.title: pair.reference for pair in pairs},
            {pair.title: pair.current for pair in pairs},
        )
    )
    start, end = window.start.isoformat(), window.end.isoformat()
    return Report([DataDriftPreset(), DataSummaryPreset()]).run(
        new,
        old,
        timestamp=window.start,
        name=f"{monitor} {start}",
        metadata={_WINDOW: f"{start}/{end}", "monitor": monitor},
        tags=["driftloop"],
    )
