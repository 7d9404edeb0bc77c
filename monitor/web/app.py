"""The pages of `driftloop serve`. They have no login and change nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from monitor.config import Config, MonitorConfig
from monitor.core.errors import ConfigError, StoreError
from monitor.core.version import VERSION
from monitor.scheduler.due import next_due
from monitor.store.records import RunSummary
from monitor.store.store import Store

_RUNS = 60
_QUEUE = 50
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One monitor in the overview."""

    name: str
    newest: RunSummary | None
    open: tuple[str, ...]
    next_due: datetime
    queued: int


def create_app(config: Config, store: Store) -> FastAPI:
    """The application; every route only reads."""
    app = FastAPI(title="driftloop", version=VERSION, docs_url=None, redoc_url=None)
    pages = Pages(config, store)

    @app.middleware("http")
    async def headers(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    for path, page in (
        ("/", pages.overview),
        ("/monitors/{name}", pages.monitor),
        ("/monitors/{name}/queue", pages.queue),
        ("/reports/{name}/{file}", pages.report),
    ):
        app.add_api_route(path, page, methods=["GET"], response_class=HTMLResponse)
    for path, text in (("/healthz", pages.healthz), ("/readyz", pages.readyz)):
        app.add_api_route(path, text, methods=["GET"], response_class=PlainTextResponse)
    return app


class Pages:
    """What each address shows."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config, self._store = config, store
        self._templates = _templates()

    def overview(self) -> HTMLResponse:
        """All monitors."""
        lines = [_line(self._store, one) for one in self._config.monitors]
        return self._page("overview.html.j2", lines=lines)

    def monitor(self, name: str) -> HTMLResponse:
        """One monitor: its open alarms, windows that failed, runs with their reports."""
        chosen, store = self._found(name), self._store
        entries = store.ledger.entries(name, limit=_RUNS)
        return self._page(
            "monitor.html.j2",
            line=_line(store, chosen),
            runs=store.runs.summaries(name, limit=_RUNS),
            alarms=store.alarms.list(name, open_only=True),
            entries=[entry for entry in entries if entry.state == "failed"],
            report=lambda run: Path(run.report).name if run.report else None,
        )

    def queue(self, name: str) -> HTMLResponse:
        """The first rows to label."""
        self._found(name)
        rows = self._store.queue.rows(name, states=("proposed",), limit=_QUEUE, images=False)
        counts = self._store.queue.counts(name)
        return self._page("queue.html.j2", monitor=name, rows=rows, counts=counts)

    def report(self, name: str, file: str, request: Request) -> Response:
        """A report as it was drawn; nothing outside of the monitor's folder."""
        folder = (self._config.report.folder / self._found(name).name).resolve()
        path = (folder / file).resolve()
        if path.parent != folder or path.suffix != ".html" or not path.is_file():
            raise HTTPException(404, "There is no such report.")
        content = path.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return HTMLResponse(content, headers={"ETag": tag, "Cache-Control": "no-cache"})

    def healthz(self) -> str:
        """The process answers."""
        return "ok"

    def readyz(self) -> str:
        """The store answers too."""
        try:
            self._store.outbox.entries(limit=1)
        except StoreError as error:
            raise HTTPException(503, str(error)) from None
        return "ready"

    def _page(self, template: str, **values: Any) -> HTMLResponse:
        shared = {"version": VERSION, "now": datetime.now(UTC)}
        return HTMLResponse(self._templates.get_template(template).render(**shared, **values))

    def _found(self, name: str) -> MonitorConfig:
        try:
            return self._config.monitor(name)
        except ConfigError:
            raise HTTPException(404, "There is no such monitor.") from None


def _line(store: Store, chosen: MonitorConfig) -> Line:
    runs = store.runs.summaries(chosen.name, limit=1)
    return Line(
        name=chosen.name,
        newest=runs[0] if runs else None,
        open=tuple(alarm.title for alarm in store.alarms.list(chosen.name, open_only=True)),
        next_due=next_due(chosen, store.ledger.newest(chosen.name), datetime.now(UTC)),
        queued=store.queue.counts(chosen.name)["proposed"],
    )


def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("monitor.web"),
        autoescape=select_autoescape(("html.j2", "html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["day"] = lambda moment: f"{moment:%-d %b %Y}"
    made.filters["minute"] = lambda moment: f"{moment:%-d %b %Y, %H:%M} UTC"
    return made
