"""What all our pages share: templates, style, policy."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from monitor.core.version import VERSION
from monitor.web.access import VISITOR
from monitor.web.guard import page_policy
from reports import humanize, plain

_CSS = files("monitor.web").joinpath("templates/page.css").read_text(encoding="utf-8")
_POLICY = page_policy(base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode())


class Frame:
    """Draws a template with what stands around every page."""

    def __init__(self) -> None:
        self._templates = _templates()

    def page(self, template: str, **values: Any) -> Response:
        """The page; templates also see who asks, and what their forms must carry."""
        visitor = VISITOR.get()
        text = self._templates.get_template(template).render(
            version=VERSION,
            now=datetime.now(UTC),
            css=Markup(_CSS),  # noqa: S704 - it is ours
            who=visitor.principal.name if visitor and visitor.signed_in else "",
            csrf=visitor.csrf if visitor else "",
            **values,
        )
        # Half a surrogate is a value that data may hold, and no page can.
        return HTMLResponse(
            text.encode("utf-8", "replace"), headers={"Content-Security-Policy": _POLICY}
        )

    def problem(self, status: int, said: str, headers: Any = None) -> Response:
        """A page that says what is wrong."""
        answer = self.page("problem.html.j2", status=status, said=said)
        answer.status_code = status
        answer.headers.update(headers or {})
        return answer


def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("monitor.web"),
        autoescape=select_autoescape(("html.j2", "html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=humanize.count,
        instant=humanize.instant,
        name=plain.name,
        plural=humanize.plural,
        prose=plain.prose,
    )
    return made
