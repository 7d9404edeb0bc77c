"""A window that was run again says in its report what the run before said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from monitor.store.revisions import sentence
from reports.view import Note, ReportView


def of_revision(shown: ReportView, revision: int, changes: Mapping[str, Any] | None) -> ReportView:
    """The view with what has changed as its first note; as it is for a first run."""
    if not changes:
        return shown
    note = Note(text=sentence(revision, changes), kind="revision")
    return replace(shown, notes=(note, *shown.notes))
