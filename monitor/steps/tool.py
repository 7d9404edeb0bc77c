"""The annotation tool of a monitor, as its config names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from monitor.config import MonitorConfig
from monitor.core import plugins
from monitor.core.errors import UsageError
from monitor.labeling.spec import LabelSpec
from monitor.labeling.tool import Tool
from monitor.profiles.types import Profile
from monitor.steps import pull as pulling
from monitor.steps import push as pushing
from monitor.steps.consensus import escalate
from monitor.steps.export import spec_of
from monitor.store.label_records import Stage
from monitor.store.store import Store

Say = Callable[[str], None]


@contextmanager
def tool_of(monitor: MonitorConfig) -> Iterator[Tool]:
    """The tool, connected; closed at the end.

    Raises
    ------
    UsageError
        The config names none.
    """
    place = monitor.queue.tool
    if place is None:
        msg = (
            f"Monitor {monitor.name!r} names no annotation tool. Add [monitors.queue.tool] to the "
            "config, or use `driftloop queue export` and `queue pull --file`."
        )
        raise UsageError(msg)
    tool: Tool = plugins.load("labeling", place.kind).connect(place.options)
    try:
        yield tool
    finally:
        tool.close()


def spec_for(store: Store, monitor: MonitorConfig) -> LabelSpec:
    """What the annotators of a monitor are asked."""
    active = store.references.active(monitor.name)
    return spec_of(monitor, None if active is None else Profile.from_bytes(active.profile))


def overlap_of(monitor: MonitorConfig) -> pulling.Overlap:
    """How many people label each row."""
    return pulling.Overlap(monitor.queue.annotators, monitor.queue.annotators_ambiguous)


def push(
    store: Store,
    monitor: MonitorConfig,
    *,
    limit: int | None = None,
    worker: str = "",
    say: Say = lambda _text: None,
) -> pushing.Pushed:
    """Push the queue of a monitor into its tool; see `steps.push.push`."""
    with tool_of(monitor) as tool:
        wanted = pushing.Wanted(
            spec=spec_for(store, monitor),
            overlap=overlap_of(monitor),
            without_draft=monitor.queue.without_draft,
            projects=_projects(monitor),
            webhook=_webhook(monitor),
        )
        return pushing.push(store, monitor.name, tool, wanted, limit=limit, worker=worker, say=say)


def pull(
    store: Store, monitor: MonitorConfig, *, worker: str = "", say: Say = lambda _text: None
) -> pulling.Pulled:
    """Bring back what the annotators of a monitor did; see `steps.pull.pull`."""
    with tool_of(monitor) as tool:
        pulled = pulling.pull(
            store,
            monitor.name,
            tool,
            spec_for(store, monitor),
            overlap=overlap_of(monitor),
            worker=worker,
            say=say,
        )
    return escalated(store, monitor, pulled)


def escalated(store: Store, monitor: MonitorConfig, pulled: pulling.Pulled) -> pulling.Pulled:
    """After a pull: what the annotators do not agree on is a matter for the experts."""
    # A pull that died before this is read again, and then its labels are unchanged, not none.
    if not (pulled.new or pulled.edited or pulled.deleted or pulled.unchanged):
        return pulled
    queue = monitor.queue
    moved = escalate(store, monitor.name, queue.consensus, gold=queue.gold)
    if moved:
        pulled.states["disputed"] = pulled.states.get("disputed", 0) + len(moved)
    return pulled


def _options(monitor: MonitorConfig) -> Any:
    return None if monitor.queue.tool is None else monitor.queue.tool.options


def _projects(monitor: MonitorConfig) -> dict[Stage, str]:
    options = _options(monitor)
    named: dict[Stage, Any] = {
        "annotators": getattr(options, "project", None),
        "experts": getattr(options, "expert_project", None),
    }
    return {stage: str(project) for stage, project in named.items() if project is not None}


def _webhook(monitor: MonitorConfig) -> tuple[str, str] | None:
    options = _options(monitor)
    url, secret = getattr(options, "webhook", None), getattr(options, "webhook_secret", None)
    if url is None or secret is None:
        return None
    return f"{url}?monitor={quote(monitor.name)}", secret.get_secret_value()
