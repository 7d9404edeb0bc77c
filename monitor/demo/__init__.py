"""Two monitors on real data, through the same code as in production: `driftloop demo`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.config import MonitorConfig, load
from monitor.core.errors import UsageError
from monitor.pipeline import Pipeline
from monitor.profiles.types import Profile
from monitor.steps import export
from monitor.store.store import Store

_HERE = Path(__file__).parent
_FORMAT = "label-studio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What there is to open when it is done."""

    folder: Path
    config: Path
    reports: tuple[Path, ...]  #: the newest of each monitor
    mails: tuple[Path, ...]
    queues: tuple[Path, ...]
    windows: int
    documents: tuple[dict[str, Any], ...]  #: of the newest window of each monitor


def run(folder: Path, say: Callable[[str], None]) -> Demo:
    """Copy data and config to `folder`, run every window, deliver the mails, export the queues.

    Raises
    ------
    UsageError
        The folder holds something that is not a demo of ours.
    """
    config = load(_prepare(folder))
    newest, windows, queues = [], 0, []
    with Store.open(config.store.url, upgrade=True) as store:
        pipeline = Pipeline(config, store, say=say)
        for monitor in config.monitors:
            documents = list(_windows(pipeline, monitor))
            newest.append(documents[-1])
            windows += len(documents)
            queues.append(_export(pipeline, monitor, folder))
        pipeline.deliver()
    return Demo(
        folder=folder,
        config=config.path,
        reports=tuple(Path(document["report"]) for document in newest),
        mails=tuple(sorted((folder / "mails").glob("*.eml"))),
        queues=tuple(queues),
        windows=windows,
        documents=tuple(newest),
    )


def _prepare(folder: Path) -> Path:
    """The folder with data and config in it; a demo that is there already is begun anew."""
    mark = folder / "config.toml"
    if folder.exists() and any(folder.iterdir()):
        if not mark.exists() or mark.read_bytes() != (_HERE / "config.toml").read_bytes():
            msg = f"{folder} is not empty, and not a demo either; name another folder."
            raise UsageError(msg)
        for name in ("data", "reports", "mails", "queue"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for left in folder.glob("driftloop.db*"):
            left.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_HERE / "data", folder / "data")
    shutil.copyfile(_HERE / "config.toml", mark)
    return mark


def _windows(pipeline: Pipeline, monitor: MonitorConfig) -> Iterator[dict[str, Any]]:
    extent = pipeline.source(monitor).extent(monitor.columns.timestamp or "")[0]
    assert extent is not None
    reference = monitor.reference_window
    start = extent.start if reference is None else reference.end
    return pipeline.backfill(
        monitor, monitor.cadence.window(start).start, pipeline.newest_window(monitor).end
    )


def _export(pipeline: Pipeline, monitor: MonitorConfig, folder: Path) -> Path:
    path = folder / "queue" / f"{monitor.name}.{_FORMAT}.json"
    path.parent.mkdir(exist_ok=True)
    active = pipeline.store.references.active(monitor.name)
    assert active is not None
    spec = export.spec_of(monitor, Profile.from_bytes(active.profile))
    with path.open("wb") as file:
        export.write(pipeline.store.queue.every(monitor.name), _FORMAT, spec, file)
    return path
