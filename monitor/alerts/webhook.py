"""Alerts as signed JSON to any address: one POST for each message."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import pydantic

from monitor.core.errors import DeliveryError
from monitor.core.net import ForbiddenAddressError, NetError, request
from monitor.core.ports import Message

#: Answers after which the same message may be taken later.
_LATER = frozenset({408, 425, 429})


class Webhook:
    """Posts each message as JSON, signed.

    The receiver checks `X-Driftloop-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256
    of `SECONDS.BODY` under the secret, and refuses old times; `X-Driftloop-Id` is the same when a
    message comes again. Any 2xx is taken as "taken"; redirects are not followed.

    **Config**

        [[alerts]]
        kind = "webhook"
        url = "https://example.com/hooks/driftloop"
        secret = "file:/run/secrets/webhook"
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `webhook`."""

        url: pydantic.SecretStr  #: many services keep their secret in the path
        secret: pydantic.SecretStr | None = None  #: what messages are signed with; None: not
        timeout: float = pydantic.Field(15.0, gt=0, le=600)  #: seconds to connect, and to answer
        private: bool = False  #: whether it may lie in one's own network
        ca_file: Path | None = None  #: of the authority that signed the server's certificate

        @pydantic.field_validator("url")
        @classmethod
        def _is_url(cls, value: pydantic.SecretStr) -> pydantic.SecretStr:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                msg = "is no http:// or https:// address"
                raise ValueError(msg)
            return value

    def __init__(self, options: Options, base: Path = Path()) -> None:
        self.options = options
        self._ca_file = base / options.ca_file if options.ca_file else None

    def send(self, message: Message) -> None:
        """Deliver once, or raise `DeliveryError`."""
        body = json.dumps(_document(message), ensure_ascii=False).encode("utf-8", "replace")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "driftloop",
            "X-Driftloop-Id": message.message_id,
        }
        if self.options.secret is not None:
            secret = self.options.secret.get_secret_value().encode()
            headers["X-Driftloop-Signature"] = signature(secret, body, at=int(time.time()))
        try:
            answer = request(
                "POST",
                self.options.url.get_secret_value(),
                body=body,
                headers=headers,
                timeout=self.options.timeout,
                private=self.options.private,
                context=self._tls(),
            )
        except ForbiddenAddressError as error:
            msg = f"The webhook is not called: {error}. `private = true` allows one's own network."
            raise DeliveryError(msg, permanent=True) from error
        except NetError as error:
            msg = f"The webhook was not reached: {error}."
            raise DeliveryError(msg) from error
        if not 200 <= answer.status < 300:
            permanent = 300 <= answer.status < 500 and answer.status not in _LATER
            msg = f"The webhook at {self._host} answered {answer.status}."
            raise DeliveryError(msg, permanent=permanent)

    def check(self) -> str:
        """See that its certificate authority can be read; sends nothing."""
        self._tls()
        signed = "signed" if self.options.secret else "not signed: set `secret`"
        return f"webhook at {self._host}, {signed}"

    @property
    def _host(self) -> str:
        return str(urlsplit(self.options.url.get_secret_value()).hostname)

    def _tls(self) -> ssl.SSLContext | None:
        if self._ca_file is None:
            return None
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            msg = f"`ca_file` {self._ca_file} of the webhook cannot be read: {error}."
            raise DeliveryError(msg, permanent=True) from error


def signature(secret: bytes, body: bytes, *, at: int) -> str:
    """The header that proves who sent a body, and when (seconds since 1970).

    >>> signature(b"secret", b"{}", at=1)
    't=1,v1=1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908'
    """
    digest = hmac.new(secret, b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _document(message: Message) -> dict[str, object]:
    return {
        "schema": 1,
        "id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "subject": message.subject,
        "text": message.text,
        "facts": dict(message.facts),
    }


plugin = Webhook
