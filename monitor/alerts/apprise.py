"""Alerts over any service that the library apprise knows: ntfy, Slack, Teams and many more."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pydantic

from monitor.alerts.envelope import one_line
from monitor.core.errors import DeliveryError
from monitor.core.ports import Message


class Apprise:
    """Sends title and text to one apprise URL.

    A service that does not answer in time may have taken the message all the same; apprise says
    only yes or no, so a no is always worth another try.

    **Config**

        [[alerts]]
        kind = "apprise"
        url = "${NTFY_URL}"                 # one URL for each channel, see apprise's documentation
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `apprise`."""

        url: pydantic.SecretStr
        timeout: float = pydantic.Field(15.0, gt=0, le=600)  #: seconds to connect, and to answer

    def __init__(self, options: Options, base: Path = Path()) -> None:
        del base
        self.options = options

    def send(self, message: Message) -> None:
        """Deliver once, or raise `DeliveryError`."""
        service = self._service()
        title = one_line(message.subject)
        try:
            sent = service.notify(body=message.text, title=title, body_format="text")
        except (OSError, TypeError, ValueError) as error:
            msg = f"apprise could not send to {_name(service)}: {type(error).__name__}."
            raise DeliveryError(msg) from error
        if not sent:
            msg = f"apprise could not send to {_name(service)}; its log says why."
            raise DeliveryError(msg)

    def check(self) -> str:
        """See that apprise understands the URL; sends nothing."""
        return f"apprise: {_name(self._service())}"

    def _service(self) -> Any:
        import apprise  # noqa: PLC0415 - takes long, and most have no such channel

        logging.getLogger("apprise").setLevel(logging.WARNING)  # below that it logs whole URLs
        service = apprise.Apprise.instantiate(self.options.url.get_secret_value())
        if service is None:
            msg = "apprise does not understand `url` of its alert channel: see its documentation."
            raise DeliveryError(msg)
        service.socket_connect_timeout = service.socket_read_timeout = self.options.timeout
        return service


def _name(service: Any) -> str:
    """The URL with its secrets masked, without its parameters."""
    return str(service.url(privacy=True)).partition("?")[0]


plugin = Apprise
