"""Links in mails that act without a sign-in: signed, for one mail, and not for ever."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from monitor.store.access import Access
from reports.view import ReportView

#: How long a link in a mail works.
LIFETIME = timedelta(days=30)
#: What comes before the token in the address.
PATH = "/act/"
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is about: the alarms of one mail."""

    monitor: str
    message_id: str
    until: datetime


def token_of(link: Link, key: bytes) -> str:
    """The signed text that stands for it."""
    parts = [link.monitor, link.message_id, int(link.until.timestamp())]
    payload = json.dumps(parts, separators=(",", ":")).encode()
    return f"{_text(payload)}.{_text(_proof(payload, key))}"


def read(token: str, key: bytes, now: datetime) -> Link | None:
    """What a token stands for; None when it was not signed here, or is over."""
    payload, _, proof = token[:_LONGEST].partition(".")
    try:
        content, given = _bytes(payload), _bytes(proof)
    except ValueError:
        return None
    if not hmac.compare_digest(given, _proof(content, key)):
        return None
    monitor, message_id, seconds = json.loads(content)
    until = datetime.fromtimestamp(seconds, UTC)
    return Link(monitor, message_id, until) if now < until else None


def with_links(shown: ReportView, *, message_id: str, base_url: str, key: bytes) -> ReportView:
    """The view of a mail, whose alarms can be acknowledged, muted and judged by one click."""
    link = Link(shown.monitor, message_id, shown.generated_at + LIFETIME)
    address = f"{base_url}{PATH}{token_of(link, key)}"
    alarms = tuple(
        replace(alarm, acknowledge=address) if alarm.acknowledge else alarm
        for alarm in shown.alarms
    )
    return replace(shown, alarms=alarms)


def signer(access: Access, base_url: str | None) -> Callable[[ReportView, str], ReportView] | None:
    """Puts links into the view of a mail; None where people cannot reach the page."""
    if base_url is None:
        return None
    return partial(_signed, base_url=base_url, key=access.key("links"))


def _signed(shown: ReportView, message_id: str, *, base_url: str, key: bytes) -> ReportView:
    return with_links(shown, message_id=message_id, base_url=base_url, key=key)


def _proof(payload: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"link:" + payload, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
