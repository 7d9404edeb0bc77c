"""A compact view of a run for a notebook cell."""

from __future__ import annotations

from reports import headline, humanize
from reports.page import environment
from reports.view import ReportView

MAX_ROWS = 12


def notebook(view: ReportView) -> str:
    """An HTML fragment for `_repr_html_`: the verdict and the columns that differ."""
    changed = headline.differing(view)
    return environment().get_template("notebook.html.j2").render(
        view=view,
        verdict=headline.verdict(view),
        certainty=headline.certainty(view),
        columns=changed[:MAX_ROWS],
        more=max(0, len(changed) - MAX_ROWS),
        watched=len(headline.watched(view)),
        window=humanize.window(view.window_start, view.window_end),
        quality=[finding for finding in view.quality if finding.severity != "info"][:5],
    )  # fmt: skip
