"""A message as an e-mail: headers that nothing in the data can break out of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr

from monitor.core.errors import DeliveryError
from monitor.core.ports import Message

_LONGEST_SUBJECT = 200  #: characters
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+>")
_MEDIA_TYPE = re.compile(r"([a-z0-9.+-]+)/([a-z0-9.+-]+)", re.IGNORECASE)
_NEVER_FOLDED = frozenset({"message-id", "in-reply-to", "references", "list-unsubscribe"})


class _Policy(EmailPolicy):
    """SMTP's, but ids and links stay whole: the library would fold a long one into words."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() in _NEVER_FOLDED:
            return f"{name}: {value}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in _NEVER_FOLDED:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n", cte_type="7bit", raise_on_defect=False)


def build(
    message: Message,
    *,
    sender: str,
    recipients: Sequence[str],
    date: datetime,
    unsubscribe: str | None = None,
) -> EmailMessage:
    """The e-mail: text and HTML alternatives, then the attachments.

    Raises `DeliveryError` (permanent) when it cannot be one: a message id or an address that is
    none.
    """
    mail = EmailMessage(policy=POLICY)
    try:
        mail["From"] = _address(sender)
        mail["To"] = [_address(recipient) for recipient in recipients]
        mail["Subject"] = one_line(message.subject)[:_LONGEST_SUBJECT]
        mail["Date"] = format_datetime(date)
        mail["Message-ID"] = _message_id(message.message_id)
        mail["Auto-Submitted"] = "auto-generated"
        if message.in_reply_to is not None:
            mail["In-Reply-To"] = mail["References"] = _message_id(message.in_reply_to)
        if unsubscribe is not None:
            mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    except (ValueError, MessageError) as error:
        msg = f"The mail {message.message_id!r} cannot be built: {error}."
        raise DeliveryError(msg, permanent=True) from error
    _add_content(mail, message)
    return mail


def _add_content(mail: EmailMessage, message: Message) -> None:
    mail.set_content(_encodable(message.text), cte="quoted-printable")
    if message.html:
        html = _encodable(message.html)
        mail.add_alternative(html, subtype="html", cte="quoted-printable")
    for name, media_type, content in message.attachments:
        known = _MEDIA_TYPE.fullmatch(media_type)
        main, sub = known.groups() if known else ("application", "octet-stream")
        if main.lower() in {"text", "message", "multipart"}:
            main, sub = "application", "octet-stream"  # as bytes: nothing opens it by itself
        file_name = re.sub(r"[/\\]", "_", one_line(name))
        mail.add_attachment(content, maintype=main, subtype=sub, filename=file_name)


def one_line(text: str) -> str:
    """Without line breaks, control characters and what turns the direction of writing."""
    visible = (
        " " if character.isspace() or unicodedata.category(character).startswith("C") else character
        for character in text
    )
    return " ".join("".join(visible).split())


def address_of(text: str) -> str:
    """The bare address of "Name <name@host>". Raises `ValueError` when there is none."""
    return _address(text).addr_spec


def _address(text: str) -> Address:
    if text != one_line(text):
        msg = f"{text!r} is no mail address"
        raise ValueError(msg)
    name, bare = parseaddr(text)
    if not bare or "@" not in bare:
        msg = f"{text!r} is no mail address"
        raise ValueError(msg)
    try:
        return Address(display_name=name, addr_spec=bare)
    except (MessageError, IndexError) as error:
        msg = f"{text!r} is no mail address"
        raise ValueError(msg) from error


def _message_id(text: str) -> str:
    if not _MESSAGE_ID.fullmatch(text) or len(text) > 500:
        msg = f"{text!r} is no message id"
        raise ValueError(msg)
    return text


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
