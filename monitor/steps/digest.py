"""One mail for the events of several monitors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import reports
from monitor.core.ports import Message
from monitor.store.gathering import Held


def combine(held: Sequence[Held]) -> Message:
    """The digest of these messages; its id is made of theirs, so that it is sent once."""
    body = reports.digest([one.summary for one in held])
    ids = "\n".join(sorted(one.message.message_id for one in held))
    digest = hashlib.sha256(ids.encode()).hexdigest()[:24]
    return Message(
        message_id=f"<digest-{digest}@driftloop>",
        subject=body.subject,
        text=body.text,
        html=body.html,
        recipients=held[0].message.recipients,
    )
