"""Users, sessions, tokens and keys, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from monitor.core.errors import UsageError
from monitor.store import passwords
from monitor.store.access import IDLE, LIFETIME
from monitor.store.access_models import ApiTokenRow, SessionRow, UserRow

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Hashes of full cost would take most of the time of these tests."""
    monkeypatch.setattr(passwords.hashed, "__kwdefaults__", {"cost": 2**10})


def test_the_right_password_opens_a_session_and_no_other_does(store):
    store.access.add_user("ann", PASSWORD, ["read"])
    cookie = store.access.sign_in("ann", PASSWORD)

    principal = store.access.session(cookie)
    assert (principal.name, set(principal.scopes)) == ("ann", {"read"})
    assert not principal.may("queue")
    for name, password in (("ann", PASSWORD + "!"), ("bob", PASSWORD), ("", ""), ("a\0", PASSWORD)):
        assert store.access.sign_in(name, password) is None
    assert store.access.session("x" * 43) is None


def test_neither_password_nor_cookie_nor_token_is_in_the_store(store):
    store.access.add_user("ann", PASSWORD)
    secrets = [PASSWORD, store.access.sign_in("ann", PASSWORD)]
    token = store.access.create_token("ci", ["queue"])
    secrets += [token, token.rpartition("_")[2]]

    with store.database.reading() as session:
        kept = [
            str(value)
            for row in (UserRow, SessionRow, ApiTokenRow)
            for one in session.execute(sa.select(*row.__table__.columns))
            for value in one
        ]
    assert not [secret for secret in secrets if any(secret in value for value in kept)]


def test_a_session_ends_by_idleness_by_age_and_by_another_password(timed, hands):
    timed.access.add_user("ann", PASSWORD)
    idle = timed.access.sign_in("ann", PASSWORD)
    hands.move(IDLE.total_seconds() + 1)
    assert timed.access.session(idle) is None

    used, steps = timed.access.sign_in("ann", PASSWORD), 0
    while timed.access.session(used) is not None:
        hands.move(IDLE.total_seconds() / 2)
        steps += 1
    assert steps == LIFETIME / (IDLE / 2) + 1

    cookie = timed.access.sign_in("ann", PASSWORD)
    timed.access.set_password("ann", PASSWORD + "2")
    assert timed.access.session(cookie) is None
    assert timed.access.sign_in("ann", PASSWORD) is None


def test_signing_out_and_removing_a_person_end_the_session(store):
    store.access.add_user("ann", PASSWORD)
    first, second = (store.access.sign_in("ann", PASSWORD) for _ in range(2))
    store.access.sign_out(first)
    assert store.access.session(first) is None
    assert store.access.session(second) is not None
    store.access.remove_user("ann")
    assert store.access.session(second) is None
    assert store.access.users() == []


def test_a_token_works_until_it_is_revoked_or_over(timed, hands):
    until = hands.time + timedelta(days=1)
    token = timed.access.create_token("ci", ["queue", "read"], expires_at=until)
    other = timed.access.create_token("lab", ["admin"])

    assert timed.access.token(token).scopes == {"read", "queue"}
    assert timed.access.token(token).scopes == {"read", "queue"}  # from memory this time
    assert timed.access.token(other).may("read")
    head, _, secret = token.rpartition("_")
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    assert timed.access.token(f"{head}_{wrong}") is None
    assert timed.access.token("dl_no_token") is None
    hands.move(2 * 86_400)
    assert timed.access.token(token) is None
    timed.access.revoke_token(next(t.id for t in timed.access.tokens() if t.name == "lab"))
    assert timed.access.token(other) is None


@pytest.mark.parametrize(
    ("name", "password", "scopes", "said"),
    [
        ("ann", "short", ["read"], "12 to 128 characters"),
        ("ann", "x" * 129, ["read"], "12 to 128 characters"),
        ("ann", "password1234", ["read"], "easy to guess"),
        ("ann", "driftloop1234", ["read"], "easy to guess"),
        ("ann", "x" * 128, ["read"], "easy to guess"),
        ("an n", PASSWORD, ["read"], "is no name"),
        ("ann", PASSWORD, ["root"], "Scopes are read, queue, admin"),
        ("ann", PASSWORD, [], "none was given"),
    ],
)
def test_what_is_wrong_with_a_new_user_is_said(store, name, password, scopes, said):
    with pytest.raises(UsageError, match=said):
        store.access.add_user(name, password, scopes)


def test_who_is_there_twice_or_not_at_all_is_said(store):
    store.access.add_user("ann", PASSWORD)
    with pytest.raises(UsageError, match="a user 'ann' already"):
        store.access.add_user("ann", PASSWORD)
    for action in (
        lambda: store.access.set_password("bob", PASSWORD),
        lambda: store.access.remove_user("bob"),
        lambda: store.access.revoke_token("0" * 16),
    ):
        with pytest.raises(UsageError, match="There is no"):
            action()


def test_a_key_is_made_once_and_is_one_for_all_processes(store, open_store):
    key = store.access.key("links")

    assert len(key) == 32
    assert open_store().access.key("links") == key
    assert store.access.key("forms") != key


def test_a_person_changes_the_password_they_know(store):
    store.access.add_user("ann", PASSWORD)
    cookies = [store.access.sign_in("ann", PASSWORD) for _ in range(2)]

    assert len(store.access.sessions("ann")) == 2
    assert not store.access.change_password("ann", "wrong", PASSWORD + " two")
    assert not store.access.change_password("bob", PASSWORD, PASSWORD + " two")
    assert store.access.change_password("ann", PASSWORD, PASSWORD + " two")
    assert [store.access.session(cookie) for cookie in cookies] == [None, None]
    assert store.access.sign_in("ann", PASSWORD) is None
    again = store.access.sign_in("ann", PASSWORD + " two")
    store.access.sign_out_everywhere("ann")
    assert store.access.session(again) is None
