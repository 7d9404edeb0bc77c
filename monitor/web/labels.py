"""`/hooks/…`: where annotation tools say that something changed. It only wakes the poll."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, Response

from monitor.config import Config
from monitor.labeling.tool import SECRET_HEADER
from monitor.store.store import Store
from monitor.web.access import public

_LONGEST_SECRET = 1_000


class Hooks:
    """Webhooks of annotation tools.

    A tool calls inside the annotator's own request and does not try again, so it is answered at
    once and the store is written afterwards. What it says is not read: the poll asks the tool
    itself, so a call that is forged, replayed or lost changes nothing that is stored.
    """

    def __init__(self, current: Callable[[], Config], store: Store) -> None:
        self._current, self._store = current, store

    def router(self) -> APIRouter:
        """Its one route."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/hooks/{tool}", self.wake, methods=["POST"], status_code=202)
        return router

    @public
    def wake(
        self, tool: str, request: Request, later: BackgroundTasks, monitor: str = ""
    ) -> Response:
        """Note that a monitor's tool has news; whoever knows its secret may say so."""
        given = request.headers.get(SECRET_HEADER, "")[:_LONGEST_SECRET].encode()
        woken = [
            one.name
            for one in self._current().monitors
            if monitor in ("", one.name)
            and one.queue.tool is not None
            and one.queue.tool.kind == tool
            and _is_secret(one.queue.tool.options, given)
        ]
        if not woken:
            raise HTTPException(403, "This needs the secret of a webhook.")
        for name in woken:
            later.add_task(self._store.tools.wake, name, tool)
        return Response(status_code=202, background=later)


def _is_secret(options: Any, given: bytes) -> bool:
    secret = getattr(options, "webhook_secret", None)
    if secret is None or not given:
        return False
    return hmac.compare_digest(secret.get_secret_value().encode(), given)
