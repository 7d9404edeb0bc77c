"""The pages of `driftloop serve`. They have no login and change nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from pydantic import AwareDatetime
from starlette.exceptions import HTTPException as StarletteHTTPException

from monitor.config import Config, MonitorConfig
from monitor.core.errors import ConfigError, StoreError
from monitor.core.version import VERSION
from monitor.store.records import QueueRow
from monitor.store.store import Store
from monitor.web.guard import HEADERS, REPORT_POLICY, Guard, page_policy
from monitor.web.lines import label, line_of, report_address
from reports import humanize, page, plain
from reports.view import QueueCard

_RUNS = 60
_QUEUE = 50
_REPORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.html")
_CSS = files("monitor.web").joinpath("templates/page.css").read_text(encoding="utf-8")
_POLICY = page_policy(base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode())


def create_app(config: Config, store: Store, *, hosts: Collection[str] | None = None) -> FastAPI:
    """The application; every route only reads.

    Parameters
    ----------
    config, store : Config, Store
        What is shown. The store stays open as long as the application.
    hosts : collection of str, optional
        Names that it answers to; None: any.
    """
    app = FastAPI(title="driftloop", version=VERSION, openapi_url=None)
    app.add_middleware(Guard, hosts=hosts)
    pages = Pages(config, store)
    for path, shown in (
        ("/", pages.overview),
        ("/monitors/{name}", pages.monitor),
        ("/monitors/{name}/queue", pages.queue),
        ("/reports/{name}/{file}", pages.report),
        ("/healthz", pages.healthz),
        ("/readyz", pages.readyz),
    ):
        app.add_api_route(path, shown, methods=["GET", "HEAD"], response_class=HTMLResponse)
    app.add_exception_handler(StarletteHTTPException, pages.refused)
    app.add_exception_handler(RequestValidationError, pages.misread)
    app.add_exception_handler(StoreError, pages.without_store)
    app.add_exception_handler(Exception, pages.failed)
    return app


class Pages:
    """What each address shows."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config, self._store = config, store
        self._templates = _templates()

    def overview(self) -> Response:
        """All monitors."""
        now = datetime.now(UTC)
        lines = [line_of(self._config, self._store, one, now) for one in self._config.monitors]
        return self._page("overview.html.j2", lines=lines)

    def monitor(self, name: str, before: AwareDatetime | None = None) -> Response:
        """One monitor: its open alarms, windows that are not done, runs with their reports."""
        chosen = self._found(name)
        runs = self._store.runs.summaries(name, limit=_RUNS, before=_in_utc(before))
        line = line_of(self._config, self._store, chosen, datetime.now(UTC))
        older = ""
        if len(runs) == _RUNS:
            older = f"/monitors/{name}?before={runs[-1].window.start:%Y-%m-%dT%H:%M:%SZ}"
        return self._page(
            "monitor.html.j2",
            line=line,
            runs=runs,
            troubles=line.troubles if before is None else (),
            older=older,
            label=partial(label, monitor=chosen),
            report=partial(report_address, self._config),
        )

    def queue(self, name: str) -> Response:
        """The first rows to label."""
        chosen = self._found(name)
        rows = self._store.queue.rows(name, states=("proposed",), limit=_QUEUE)
        return self._page(
            "queue.html.j2",
            monitor=name,
            rows=rows,
            counts=self._store.queue.counts(name),
            pictures=any(row.image for row in rows),
            picture=_picture,
            label=partial(label, monitor=chosen),
        )

    def report(self, name: str, file: str, request: Request) -> Response:
        """A report as it was drawn; nothing outside of the monitor's folder."""
        folder = (self._config.report.folder / self._found(name).name).resolve()
        path = folder / file
        if not _REPORT.fullmatch(file) or path.is_symlink() or not path.is_file():
            raise HTTPException(404, "There is no such report.")
        content = path.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {
            "ETag": tag,
            "Cache-Control": "private, no-cache",
            "Content-Security-Policy": REPORT_POLICY,
        }
        if tag in request.headers.get("if-none-match", "").replace("W/", "").split(", "):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(content, headers=headers)

    def healthz(self) -> Response:
        """The process answers."""
        return PlainTextResponse("ok")

    def readyz(self) -> Response:
        """The store answers too."""
        try:
            self._store.outbox.entries(limit=1)
        except StoreError:
            return PlainTextResponse("the store does not answer", 503)
        return PlainTextResponse("ready")

    def refused(self, _request: Request, error: Exception) -> Response:
        """An address that is not there, or a method that is not allowed."""
        assert isinstance(error, StarletteHTTPException)
        said = error.detail if error.status_code == 404 else "This page can only be read."
        said = "There is no such page." if said == "Not Found" else said
        return self._problem(error.status_code, said, error.headers)

    def misread(self, _request: Request, _error: Exception) -> Response:
        """A question in the address that nobody understands."""
        return self._problem(400, "That address cannot be understood.")

    def without_store(self, _request: Request, _error: Exception) -> Response:
        """The database does not answer."""
        return self._problem(503, "The store does not answer.")

    def failed(self, _request: Request, _error: Exception) -> Response:
        """An error that nobody foresaw: it is outside of the guard, so it brings its headers."""
        answer = self._problem(500, "This page failed in a way that it should not.")
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    def _problem(self, status: int, said: str, headers: Any = None) -> Response:
        answer = self._page("problem.html.j2", status=status, said=said)
        answer.status_code = status
        answer.headers.update(headers or {})
        return answer

    def _page(self, template: str, **values: Any) -> Response:
        shared = {"version": VERSION, "now": datetime.now(UTC), "css": Markup(_CSS)}  # noqa: S704 - it is ours
        text = self._templates.get_template(template).render(**shared, **values)
        return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY})

    def _found(self, name: str) -> MonitorConfig:
        try:
            return self._config.monitor(name)
        except ConfigError:
            raise HTTPException(404, "There is no such monitor.") from None


def _in_utc(moment: datetime | None) -> datetime | None:
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError:
        raise HTTPException(404, "There is no window at that time.") from None


def _picture(row: QueueRow) -> Markup:
    card = QueueCard(
        row_id=row.row_id,
        reason=row.reason,
        reason_text=row.reason_text,
        score=row.score,
        image_png=row.image,
    )
    return page.image(card)


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
