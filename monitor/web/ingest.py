"""`POST /v1/ingest/MONITOR`: services that cannot be pulled from send batches of rows."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from monitor.config import Config, MonitorConfig
from monitor.core.errors import BatchRefusedError
from monitor.sources.http import Http
from monitor.sources.payload import kind_of
from monitor.sources.spool import Spool, Stored
from monitor.web.access import public
from monitor.web.api import Problem

#: Batches that are parsed and written at the same time; others wait their turn.
_AT_ONCE = 2
_BATCH = "idempotency-key"


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The batch was there already."},
    201: {"description": "The batch was stored."},
    **{
        status: {"model": Problem, "description": text}
        for status, text in (
            (400, "The batch cannot be read."),
            (401, "The token of the source is missing or wrong."),
            (403, "This inbox takes no batches now."),
            (404, "No monitor of that name has an inbox."),
            (409, "Another batch has that id."),
            (411, "The length is not said."),
            (413, "The batch is too large."),
            (415, "Neither Arrow IPC nor JSON lines."),
            (503, "The batch cannot be stored now."),
            (507, "The inbox is full."),
        )
    },
}


class Ingest:
    """The inbox of every monitor whose source is of kind `http`."""

    def __init__(self, current: Callable[[], Config]) -> None:
        self._current = current
        self._spools: dict[Path, Spool] = {}
        self._turn = anyio.Semaphore(_AT_ONCE)

    def router(self) -> APIRouter:
        """Its one route. Who may post is proved by the token of the monitor's source."""
        router = APIRouter()
        router.add_api_route(
            "/v1/ingest/{name}", self.post, methods=["POST"], responses=_ANSWERS, status_code=201
        )
        return router

    @public
    async def post(self, name: str, request: Request) -> JSONResponse:
        """Store one batch; 201 when it is new, 200 when it was there already."""
        try:
            inbox = self._inbox(name, request.headers.get("authorization", ""))
            stored = await self._stored(inbox, request)
        except BatchRefusedError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return JSONResponse({"error": str(error)}, error.status, headers)
        found = {"monitor": name, "batch": stored.batch, "rows": stored.rows, "new": stored.new}
        return JSONResponse(found, 201 if stored.new else 200)

    def _inbox(self, name: str, authorization: str) -> Http:
        """The source of that monitor, once the token is proved."""
        kind, _, given = authorization.partition(" ")
        if kind.lower() != "bearer" or not given.strip():
            msg = "Send the token of the monitor's source: `Authorization: Bearer …`."
            raise BatchRefusedError(msg, 401)
        config = self._current()
        monitor = next((m for m in config.monitors if name in (m.name, m.family)), None)
        if monitor is None or monitor.source.kind != "http":
            msg = "There is no such inbox."
            raise BatchRefusedError(msg, 404)
        inbox = Http(monitor.source.options, config.base)
        _prove(inbox, given.strip(), monitor)
        return inbox

    async def _stored(self, inbox: Http, request: Request) -> Stored:
        kind = kind_of(request.headers.get("content-type", ""))
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            msg = "Send the batch without a content encoding; Arrow streams may be compressed."
            raise BatchRefusedError(msg, 415)
        most = inbox.options.max_bytes
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > most):
            raise _too_large(most)
        spool = self._spools.setdefault(inbox.folder, inbox.spool)
        spool.limits = inbox.spool.limits
        batch = request.headers.get(_BATCH)
        with spool.incoming() as file:
            await _receive(request, file, most)
            async with self._turn:
                return await anyio.to_thread.run_sync(
                    spool.store, Path(file.name), kind, batch, abandon_on_cancel=False
                )


async def _receive(request: Request, file: BinaryIO, most: int) -> None:
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > most:
                raise _too_large(most)
            file.write(chunk)
    except ClientDisconnect:
        msg = "The batch ended too early."
        raise BatchRefusedError(msg) from None
    file.flush()


def _too_large(most: int) -> BatchRefusedError:
    return BatchRefusedError(f"A batch may have {most:,} bytes; send it in parts.", 413)


def _prove(inbox: Http, given: str, monitor: MonitorConfig) -> None:
    wanted = inbox.options.token
    if wanted is None:
        msg = f"The source of {monitor.name!r} names no `token`, so nothing is taken."
        raise BatchRefusedError(msg, 403)
    digests = [
        hashlib.sha256(text.encode()).digest() for text in (given, wanted.get_secret_value())
    ]
    if not hmac.compare_digest(*digests):
        msg = "That is not the token of the monitor's source."
        raise BatchRefusedError(msg, 401)
