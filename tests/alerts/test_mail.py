from __future__ import annotations

import socket
import stat
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime

import pydantic
import pytest

from monitor.alerts.mail import Mail
from monitor.core import plugins
from monitor.core.errors import DeliveryError, PartlyDeliveredError
from monitor.core.ports import Message

MESSAGE = Message(
    message_id="<flights.column.temp.2013-03-04@driftloop>",
    subject="flights: temp has moved",
    text="temp has moved by 0.4 sd.\n.\nSee the report.\n",
    html="<p>temp has moved by 0.4 sd – see the report.</p>",
    in_reply_to="<flights.column.temp@driftloop>",
    attachments=(("report.html", "text/html", b"<html>\x00</html>"),),
)
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
TEAM = ("anna@example.com", "ben@example.com")


def over(server, ca_file, **changed) -> Mail:
    options = {
        "host": "localhost",
        "port": server.port,
        "username": "driftloop",
        "password": "correct horse",
        "sender": "driftloop <alerts@example.com>",
        "recipients": TEAM,
        "timeout": 5,
        "ca_file": ca_file,
    }
    return Mail(Mail.Options(**{**options, **changed}), clock=lambda: NOON)


def without_login(server, **changed) -> Mail:
    return over(server, None, **{"username": None, "password": None, "security": "none", **changed})


def test_it_is_the_plug_in_of_its_name():
    assert plugins.load("alerts", "mail") is Mail


def test_a_mail_arrives_whole_over_starttls_with_login(starttls, inbox, ca_file):
    channel = over(starttls, ca_file, unsubscribe="https://example.com/leave?list=1")
    channel.send(MESSAGE)

    ((recipients, mail),) = inbox.mails
    assert inbox.logins == 1
    assert recipients == TEAM
    assert mail["From"] == "driftloop <alerts@example.com>"
    assert mail["To"] == "anna@example.com, ben@example.com"
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Message-ID"] == MESSAGE.message_id
    assert mail["In-Reply-To"] == mail["References"] == MESSAGE.in_reply_to
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == "<https://example.com/leave?list=1>"
    assert parsedate_to_datetime(mail["Date"]) == NOON
    assert mail.get_body(("plain",)).get_content().splitlines() == MESSAGE.text.splitlines()
    assert mail.get_body(("html",)).get_content().splitlines() == [MESSAGE.html]
    (attachment,) = mail.iter_attachments()
    assert attachment.get_filename() == "report.html"
    assert attachment.get_content_type() == "application/octet-stream"
    assert attachment.get_content() == b"<html>\x00</html>"


def test_what_is_sent_is_ascii_in_short_lines(starttls, inbox, ca_file):
    over(starttls, ca_file).send(
        Message("<1@driftloop>", "Verspätung ✈ " * 9, "ü" * 3000, "<p>" + "ö" * 3000)
    )

    (raw,) = inbox.raw
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 100
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert inbox.mails[0][1]["Subject"] == ("Verspätung ✈ " * 9).strip()


def test_a_mail_arrives_over_tls(tls, inbox, ca_file):
    over(tls, ca_file, security="tls", username=None, password=None).send(MESSAGE)

    assert len(inbox.mails) == 1


def test_the_message_s_own_recipients_go_first(plain, inbox):
    message = Message("<1@driftloop>", "s", "t", "", recipients=("Eve <eve@example.com>",))
    without_login(plain).send(message)

    assert inbox.mails[0][0] == ("eve@example.com",)


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nBcc: victim@example.com",
        "a\nBcc: victim@example.com\n\nbody",
        "a\u2028Bcc: victim@example.com",
        "a\x00\x1b]0;b\x07",
        "\u202egnp.exe",
        "\ud800",
        "x" * 5000,
        "",
    ],
)
def test_no_subject_breaks_out_of_its_header(plain, inbox, text):
    without_login(plain).send(Message("<1@driftloop>", text, text, f"<p>{text}</p>"))

    ((recipients, mail),) = inbox.mails
    assert recipients == TEAM
    assert mail["Bcc"] is None
    assert set(mail.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    assert not set(mail["Subject"]) & set("\r\n\x00\x1b\u202e\u2028")
    assert len(mail["Subject"]) <= 200


@pytest.mark.parametrize(
    "broken",
    [
        {"message_id": "<a@b>\r\nBcc: v@example.com"},
        {"message_id": "no id"},
        {"in_reply_to": "<a b@c>"},
        {"recipients": ("a@example.com\r\nRCPT TO:<v@example.com>",)},
        {"recipients": ("nobody",)},
    ],
)
def test_what_cannot_be_a_mail_is_refused_for_good(plain, inbox, broken):
    values = {"message_id": "<1@driftloop>", "subject": "s", "text": "t", "html": "", **broken}
    with pytest.raises(DeliveryError, match="cannot be built") as caught:
        without_login(plain).send(Message(**values))

    assert caught.value.permanent
    assert inbox.mails == []


def test_file_names_of_attachments_lead_nowhere(plain, inbox):
    name = "../../etc/\r\npass\x00wd"
    without_login(plain).send(
        Message("<1@driftloop>", "s", "t", "", attachments=((name, "no type", b"x"),))
    )

    (attachment,) = inbox.mails[0][1].iter_attachments()
    assert attachment.get_filename() == ".._.._etc_ pass wd"


@pytest.mark.parametrize(("code", "permanent"), [(552, True), (451, False)])
@pytest.mark.parametrize("step", ["to_sender", "to_content"])
def test_a_refused_mail_says_whether_to_try_again(plain, inbox, step, code, permanent):
    setattr(inbox, step, f"{code} not this one")

    with pytest.raises(DeliveryError, match=f"{code} not this one") as caught:
        without_login(plain).send(MESSAGE)
    assert caught.value.permanent is permanent


def test_recipients_that_have_it_are_not_tried_again(plain, inbox):
    inbox.to_recipient = {"ben@example.com": "450 try later"}

    with pytest.raises(PartlyDeliveredError, match=r"ben@example.com \(450 try later") as caught:
        without_login(plain).send(MESSAGE)
    assert caught.value.remaining == ("ben@example.com",)
    assert not caught.value.permanent
    assert [recipients for recipients, _ in inbox.mails] == [("anna@example.com",)]


def test_a_recipient_that_does_not_exist_is_named_and_not_tried_again(plain, inbox):
    inbox.to_recipient = {"ben@example.com": "550 no such user"}

    with pytest.raises(PartlyDeliveredError, match="550 no such user") as caught:
        without_login(plain).send(MESSAGE)
    assert (caught.value.remaining, caught.value.permanent) == ((), True)


@pytest.mark.parametrize(
    ("answers", "permanent", "remaining"),
    [
        (("550 no", "550 no"), True, None),
        (("450 later", "450 later"), False, None),
        (("550 no", "450 later"), False, ("ben@example.com",)),
    ],
)
def test_when_nobody_has_it(plain, inbox, answers, permanent, remaining):
    inbox.to_recipient = dict(zip(TEAM, answers, strict=True))

    with pytest.raises(DeliveryError, match="every recipient") as caught:
        without_login(plain).send(MESSAGE)
    assert caught.value.permanent is permanent
    assert getattr(caught.value, "remaining", None) == remaining
    assert inbox.mails == []


def test_a_wrong_password_is_worth_another_try_once_it_is_mended(starttls, inbox, ca_file):
    channel = over(starttls, ca_file, password="wrong")
    for act in (channel.check, lambda: channel.send(MESSAGE)):
        with pytest.raises(DeliveryError, match=r"refused user 'driftloop'.*password") as caught:
            act()
        assert not caught.value.permanent
        assert "wrong" not in str(caught.value)
    assert inbox.mails == []


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(starttls, inbox):
    with pytest.raises(DeliveryError, match="certificate"):
        over(starttls, None).send(MESSAGE)
    assert (inbox.logins, inbox.mails) == (0, [])


def test_a_certificate_of_another_host_is_not_accepted(tls, inbox, ca_file):
    with pytest.raises(DeliveryError, match="certificate"):
        over(tls, ca_file, host="127.0.0.1", security="tls").send(MESSAGE)
    assert inbox.mails == []


def test_a_server_that_offers_no_starttls_gets_nothing(plain, inbox, ca_file):
    with pytest.raises(DeliveryError, match="STARTTLS"):
        over(plain, ca_file).send(MESSAGE)
    assert (inbox.logins, inbox.mails) == (0, [])


def test_a_server_that_is_away_is_worth_another_try():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    channel = Mail(
        Mail.Options(host="127.0.0.1", port=port, sender="a@example.com", recipients=TEAM)
    )

    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        channel.send(MESSAGE)
    assert not caught.value.permanent


def test_a_silent_server_costs_no_more_than_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = Mail(
            Mail.Options(
                host="127.0.0.1",
                port=silent.getsockname()[1],
                sender="a@example.com",
                recipients=TEAM,
                timeout=0.2,
            )
        )
        with pytest.raises(DeliveryError, match="timed out") as caught:
            channel.send(MESSAGE)
    assert not caught.value.permanent


def test_a_server_that_takes_the_mail_and_breaks_off_has_taken_it(plain, inbox, monkeypatch):
    async def hang_up(self, arg):
        self.transport.abort()

    monkeypatch.setattr("aiosmtpd.smtp.SMTP.smtp_QUIT", hang_up)
    without_login(plain).send(MESSAGE)

    assert len(inbox.mails) == 1


def test_a_server_that_breaks_off_before_its_answer_may_have_taken_it(plain, inbox, monkeypatch):
    async def hang_up(self, server, session, envelope):
        server.transport.abort()

    monkeypatch.setattr(type(inbox), "handle_DATA", hang_up)
    with pytest.raises(DeliveryError, match="may have arrived") as caught:
        without_login(plain).send(MESSAGE)
    assert not caught.value.permanent


def test_check_logs_in_and_sends_nothing(starttls, inbox, ca_file):
    assert "lets us in as driftloop" in over(starttls, ca_file).check()
    assert (inbox.logins, inbox.mails) == (1, [])


# -- the folder ---------------------------------------------------------------------------------


def test_mails_are_files_that_sort_by_time(tmp_path):
    times = iter([NOON, NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=1)])
    channel = Mail(Mail.Options(folder="out/mails"), tmp_path, clock=lambda: next(times))
    channel.send(MESSAGE)
    channel.send(Message("<2@driftloop>", "../../Wind: ÄÖ\n<b>", "t", "h"))

    first, second = sorted((tmp_path / "out" / "mails").iterdir())
    assert first.name.startswith("20240102-120000-000000-flights-temp-has-moved-")
    assert second.name.startswith("20240102-120001-000000-wind-b-")
    assert {first.suffix, second.suffix} == {".eml"}
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    mail = message_from_bytes(first.read_bytes(), policy=policy.default)
    assert (mail["Subject"], mail["Message-ID"]) == (MESSAGE.subject, MESSAGE.message_id)
    assert mail.get_body(("plain",)).get_content().splitlines() == MESSAGE.text.splitlines()


def test_a_message_sent_twice_is_one_file(tmp_path):
    channel = Mail(Mail.Options(folder=tmp_path))
    channel.send(MESSAGE)
    channel.send(MESSAGE)

    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DeliveryError, match="No space left") as caught:
        Mail(Mail.Options(folder=tmp_path)).send(MESSAGE)
    assert not caught.value.permanent
    assert list(tmp_path.iterdir()) == []


def test_check_of_a_folder_leaves_nothing_in_it(tmp_path):
    assert str(tmp_path / "mails") in Mail(Mail.Options(folder="mails"), tmp_path).check()
    assert list((tmp_path / "mails").iterdir()) == []


def test_a_folder_that_cannot_be_one_is_a_clear_error(tmp_path):
    (tmp_path / "mails").write_text("a file")
    channel = Mail(Mail.Options(folder="mails"), tmp_path)

    for act in (channel.check, lambda: channel.send(MESSAGE)):
        with pytest.raises(DeliveryError, match="cannot be written"):
            act()


# -- the options --------------------------------------------------------------------------------

SERVER = {"host": "smtp.example.com", "sender": "a@example.com", "recipients": ["b@example.com"]}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "either `folder`"),
        ({**SERVER, "folder": "mails"}, "either `folder`"),
        ({"host": "smtp.example.com"}, "needs `sender` and `recipients`"),
        ({**SERVER, "username": "a"}, "go together"),
        ({**SERVER, "username": "a", "password": "b", "security": "none"}, "in the clear"),
        ({**SERVER, "sender": "nobody"}, "no mail address"),
        ({**SERVER, "recipients": ["a@example.com\nBcc: b@example.com"]}, "no mail address"),
        ({**SERVER, "unsubscribe": "javascript:alert(1)"}, "https:// or mailto:"),
        ({**SERVER, "unsubscribe": "https://a>\r\nBcc: b"}, "https:// or mailto:"),
        ({**SERVER, "port": 0}, "greater than or equal to 1"),
        ({**SERVER, "smtp": 1}, "Extra inputs"),
    ],
)
def test_options_that_cannot_work_are_refused(options, says):
    with pytest.raises(pydantic.ValidationError, match=says):
        Mail.Options(**options)


def test_the_password_is_not_shown():
    options = Mail.Options(**SERVER, username="a", password="hunter2")

    assert "hunter2" not in repr(options)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_each_kind_of_security_has_its_port(security, port):
    assert Mail(Mail.Options(**SERVER, security=security))._server().port == port
