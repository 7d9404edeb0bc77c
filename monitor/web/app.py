"""The pages of `driftloop serve`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from markupsafe import Markup
from pydantic import AwareDatetime

from monitor.config import Config, MonitorConfig
from monitor.core.errors import ConfigError, StoreError
from monitor.core.version import VERSION
from monitor.store.records import QueueRow
from monitor.store.store import Store
from monitor.web.access import Access, needs, public
from monitor.web.alarms import AlarmPages
from monitor.web.api import Api
from monitor.web.frame import Frame
from monitor.web.guard import REPORT_POLICY, Guard
from monitor.web.ingest import Ingest
from monitor.web.labels import Hooks
from monitor.web.lines import label, line_of, report_address
from monitor.web.links import LinkPages
from monitor.web.login import Login
from monitor.web.metrics import Metrics
from monitor.web.problems import Problems
from monitor.web.throttle import Throttle
from reports import page
from reports.view import QueueCard

_RUNS = 60
_QUEUE = 50
_REPORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.html")


def create_app(
    config: Config | Callable[[], Config],
    store: Store,
    *,
    hosts: Collection[str] | None = None,
    local: bool = True,
) -> FastAPI:
    """The application; a route that does not say who may ask it answers nobody.

    Parameters
    ----------
    config, store : Config, Store
        What is shown; of a config that may change, what gives the one of now. The store stays open
        as long as the application.
    hosts : collection of str, optional
        Names that it answers to; None: any.
    local : bool
        Whether only this machine can reach it. Else one must sign in, unless the config says not.
    """
    current = config if callable(config) else partial(_same, config)
    config = current()
    login = {"on": True, "off": False, "auto": None if local else True}[config.web.login]
    access, frame = Access(store, login=login), Frame()
    app = FastAPI(
        title="driftloop",
        version=VERSION,
        openapi_url=None,
        dependencies=[Depends(access.check)],
    )
    app.state.base_url = config.report.base_url
    app.add_middleware(Guard, hosts=hosts, base_url=config.report.base_url)
    pages = Pages(current, store, frame)
    for path, shown in (
        ("/", pages.overview),
        ("/monitors/{name}", pages.monitor),
        ("/monitors/{name}/queue", pages.queue),
        ("/reports/{name}/{file}", pages.report),
        ("/healthz", pages.healthz),
        ("/readyz", pages.readyz),
    ):
        app.add_api_route(path, shown, methods=["GET", "HEAD"], include_in_schema=False)
    app.include_router(Ingest(current).router())
    app.include_router(Api(app, current, store).router())
    app.include_router(Metrics(current, store).router())
    app.include_router(Hooks(current, store).router())
    app.include_router(AlarmPages(current, store, frame).router())
    app.include_router(LinkPages(current, store, frame).router())
    app.include_router(Login(store, frame, Throttle(), config.web.proxies).router())
    Problems(frame).install(app)
    return app


class Pages:
    """What each address shows."""

    def __init__(self, current: Callable[[], Config], store: Store, frame: Frame) -> None:
        self._current, self._store, self._frame = current, store, frame

    @property
    def _config(self) -> Config:
        return self._current()

    @needs("read")
    def overview(self) -> Response:
        """All monitors."""
        now = datetime.now(UTC)
        lines = [line_of(self._config, self._store, one, now) for one in self._config.monitors]
        return self._frame.page("overview.html.j2", lines=lines)

    @needs("read")
    def monitor(self, name: str, before: AwareDatetime | None = None) -> Response:
        """One monitor: its open alarms, windows that are not done, runs with their reports."""
        chosen = self._found(name)
        runs = self._store.runs.summaries(name, limit=_RUNS, before=_in_utc(before))
        line = line_of(self._config, self._store, chosen, datetime.now(UTC))
        older = ""
        if len(runs) == _RUNS:
            older = f"/monitors/{name}?before={runs[-1].window.start:%Y-%m-%dT%H:%M:%SZ}"
        return self._frame.page(
            "monitor.html.j2",
            line=line,
            runs=runs,
            troubles=line.troubles if before is None else (),
            older=older,
            label=partial(label, monitor=chosen),
            report=partial(report_address, self._config),
        )

    @needs("read")
    def queue(self, name: str) -> Response:
        """The first rows to label."""
        chosen = self._found(name)
        rows = self._store.queue.rows(name, states=("proposed",), limit=_QUEUE)
        return self._frame.page(
            "queue.html.j2",
            monitor=name,
            rows=rows,
            counts=self._store.queue.counts(name),
            pictures=any(row.image for row in rows),
            picture=_picture,
            label=partial(label, monitor=chosen),
        )

    @needs("read")
    def report(self, name: str, file: str, request: Request) -> Response:
        """A report as it was drawn; nothing outside of the monitor's folder."""
        folder = (self._config.report.folder / self._found(name).folder).resolve()
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

    @public
    def healthz(self) -> Response:
        """The process answers."""
        return PlainTextResponse("ok")

    @public
    def readyz(self) -> Response:
        """The store answers too."""
        try:
            self._store.outbox.entries(limit=1)
        except StoreError:
            return PlainTextResponse("the store does not answer", 503)
        return PlainTextResponse("ready")

    def _found(self, name: str) -> MonitorConfig:
        try:
            return self._config.monitor(name)
        except ConfigError:
            raise HTTPException(404, "There is no such monitor.") from None


def _same(config: Config) -> Config:
    return config


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
