"""Who may see and change what: users, their sessions, API tokens, and keys that sign."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.errors import UsageError
from monitor.store.access_models import ApiTokenRow, SessionRow, SigningKeyRow, UserRow
from monitor.store.engine import Database
from monitor.store.passwords import hashed, matches

#: read: pages and figures; queue: rows and labels; admin: alarms, monitors, everything.
SCOPES = ("read", "queue", "admin")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
#: A password that needs fewer guesses is refused: the 30,000 most common are among them.
FEWEST_GUESSES = 1e8
_JUDGED = 64
#: A browser that was not used for so long, or signed in so long ago, must sign in again.
IDLE, LIFETIME = timedelta(hours=12), timedelta(days=7)
_SEEN_EVERY = timedelta(minutes=5)
#: A token's secret has 256 random bits: a costly hash would add nothing but time.
_TOKEN_COST = 2**10
_TOKEN = re.compile(r"dl_([a-z0-9]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@_.+-]{0,99}")
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what they may do."""

    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the scope is theirs; `admin` has all."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True)
class KnownToken:
    """One token as a list shows it; the secret is not kept."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class Access:
    """Reads and writes users, sessions, tokens and keys."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._proven: dict[bytes, str] = {}  # digest of a token that was right -> its stored hash

    # -- people ------------------------------------------------------------------------------

    def add_user(self, name: str, password: str, scopes: Iterable[str] = SCOPES) -> None:
        """A new person.

        Raises
        ------
        UsageError
            The name is taken or no name, the password too short, or a scope unknown.
        """
        _check_name(name)
        row = UserRow(name=name, password=_password(password, name), scopes=_scopes(scopes))
        with self._database.writing() as session:
            if session.get(UserRow, name) is not None:
                msg = f"There is a user {name!r} already; `driftloop user password` changes it."
                raise UsageError(msg)
            row.created_at = self._database.now(session)
            session.add(row)

    def set_password(self, name: str, password: str) -> None:
        """Another password; every browser that was signed in must sign in again."""
        changed = _password(password, name)
        with self._database.writing() as session:
            _user(session.get(UserRow, name), name).password = changed
            session.execute(sa.delete(SessionRow).where(SessionRow.user == name))

    def remove_user(self, name: str) -> None:
        """Take a person's access away, at once."""
        with self._database.writing() as session:
            _user(session.get(UserRow, name), name)
            session.execute(sa.delete(SessionRow).where(SessionRow.user == name))
            session.execute(sa.delete(UserRow).where(UserRow.name == name))

    def users(self) -> list[Principal]:
        """All people, by name."""
        with self._database.reading() as session:
            rows = session.scalars(sa.select(UserRow).order_by(UserRow.name))
            return [_principal(row.name, row.scopes) for row in rows]

    # -- browsers ----------------------------------------------------------------------------

    def sign_in(self, name: str, password: str) -> str | None:
        """A new session's cookie; None where name and password do not fit.

        It takes as long for a name that is not there.
        """
        if len(password) > LONGEST_PASSWORD:
            return None
        with self._database.reading() as session:
            row = session.get(UserRow, name) if _NAME.fullmatch(name) else None
            stored = row.password if row is not None else None
        if not matches(password, stored or _nobody()) or stored is None:
            return None
        cookie = secrets.token_urlsafe(32)
        with self._database.writing() as session:
            now = self._database.now(session)
            _forget_old(session, now)
            session.add(SessionRow(digest=_digest(cookie), user=name, created_at=now, seen_at=now))
        return cookie

    def session(self, cookie: str) -> Principal | None:
        """Who that cookie stands for; None when it is unknown, or too old."""
        digest = _digest(cookie)
        with self._database.reading() as session:
            found = session.execute(
                sa.select(SessionRow, UserRow)
                .join(UserRow, UserRow.name == SessionRow.user)
                .where(SessionRow.digest == digest)
            ).first()
            now = self._database.now(session)
        if found is None or _is_over(found[0], now):
            return None
        if now - found[0].seen_at > _SEEN_EVERY:
            with self._database.writing() as session:
                session.execute(
                    sa.update(SessionRow).where(SessionRow.digest == digest).values(seen_at=now)
                )
        return _principal(found[1].name, found[1].scopes)

    def sessions(self, name: str) -> list[datetime]:
        """When that person signed in, for each browser that is still signed in."""
        query = sa.select(SessionRow).where(SessionRow.user == name)
        with self._database.reading() as session:
            now = self._database.now(session)
            rows = session.scalars(query.order_by(SessionRow.created_at)).all()
            return [row.created_at for row in rows if not _is_over(row, now)]

    def sign_out_everywhere(self, name: str) -> None:
        """Every browser of that person must sign in again."""
        with self._database.writing() as session:
            session.execute(sa.delete(SessionRow).where(SessionRow.user == name))

    def change_password(self, name: str, current: str, password: str) -> bool:
        """Another password for who knows the one of now; False where they do not.

        Raises
        ------
        UsageError
            The new one is too short, too long, or easy to guess.
        """
        with self._database.reading() as session:
            row = session.get(UserRow, name)
            stored = row.password if row is not None else None
        if stored is None or not matches(current[:LONGEST_PASSWORD], stored):
            return False
        self.set_password(name, password)
        return True

    def sign_out(self, cookie: str) -> None:
        """That cookie is worth nothing any more."""
        with self._database.writing() as session:
            session.execute(sa.delete(SessionRow).where(SessionRow.digest == _digest(cookie)))

    # -- programs ----------------------------------------------------------------------------

    def create_token(
        self, name: str, scopes: Iterable[str], *, expires_at: datetime | None = None
    ) -> str:
        """A new API token, which is shown this once.

        Raises
        ------
        UsageError
            The name is no name, or a scope unknown.
        """
        _check_name(name)
        number, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        row = ApiTokenRow(
            id=number,
            name=name,
            secret=hashed(secret, cost=_TOKEN_COST),
            scopes=_scopes(scopes),
            expires_at=expires_at,
        )
        with self._database.writing() as session:
            row.created_at = self._database.now(session)
            session.add(row)
        return f"dl_{number}_{secret}"

    def token(self, text: str) -> Principal | None:
        """Who that token stands for; None when it is unknown, revoked or over."""
        parts = _TOKEN.fullmatch(text)
        if parts is None:
            return None
        with self._database.reading() as session:
            row = session.get(ApiTokenRow, parts[1])
            now = self._database.now(session)
        if row is None or row.revoked_at is not None:
            return None
        if row.expires_at is not None and row.expires_at <= now:
            return None
        return _principal(row.name, row.scopes) if self._is_right(parts[2], row.secret) else None

    def tokens(self) -> list[KnownToken]:
        """All tokens, oldest first, revoked ones too."""
        query = sa.select(ApiTokenRow).order_by(ApiTokenRow.created_at, ApiTokenRow.id)
        with self._database.reading() as session:
            return [_known(row) for row in session.scalars(query)]

    def revoke_token(self, token_id: str) -> None:
        """That token is worth nothing any more.

        Raises
        ------
        UsageError
            There is none of that id.
        """
        with self._database.writing() as session:
            row = session.get(ApiTokenRow, token_id)
            if row is None:
                msg = f"There is no token {token_id!r}; `driftloop token list` shows their ids."
                raise UsageError(msg)
            row.revoked_at = row.revoked_at or self._database.now(session)

    def _is_right(self, secret: str, stored: str) -> bool:
        """A hash for each request would cost more than the request: what was right is kept."""
        digest = hashlib.sha256(secret.encode()).digest()
        if hmac.compare_digest(self._proven.get(digest, ""), stored):
            return True
        if not matches(secret, stored):
            return False
        if len(self._proven) >= _REMEMBERED:
            self._proven.clear()
        self._proven[digest] = stored
        return True

    # -- keys --------------------------------------------------------------------------------

    def key(self, name: str) -> bytes:
        """32 secret bytes of this installation, made when they are first asked for."""
        with self._database.reading() as session:
            row = session.get(SigningKeyRow, name)
        if row is not None:
            return row.key
        with self._database.writing() as session:
            row = session.get(SigningKeyRow, name)
            if row is None:
                now = self._database.now(session)
                row = SigningKeyRow(name=name, created_at=now, key=secrets.token_bytes(32))
                session.add(row)
            return row.key


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        msg = (
            f"{name!r} is no name here: up to 100 letters, digits and @ _ . + -, "
            "a letter or digit first."
        )
        raise UsageError(msg)


def _password(password: str, name: str) -> str:
    """Its hash. Any characters are allowed; what is easy to guess is not."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        msg = f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        raise UsageError(msg)
    if _guesses(password, name) < FEWEST_GUESSES:
        msg = "That password is easy to guess: it is common, or made of few parts. Take another."
        raise UsageError(msg)
    return hashed(password)


def _guesses(password: str, name: str) -> float:
    """How many tries somebody who knows common passwords needs (Wheeler 2016)."""
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its lists take a while to load, and few need them

    # What it has of time grows with the length; the first characters are hard enough to guess.
    found = zxcvbn(password[:_JUDGED], user_inputs=[name, "driftloop", "drift", "monitor"])
    return float(found["guesses"])


def _scopes(scopes: Iterable[str]) -> str:
    given = set(scopes)
    if not given or given - set(SCOPES):
        wrong = ", ".join(sorted(given - set(SCOPES))) or "none"
        msg = f"Scopes are {', '.join(SCOPES)}; {wrong} was given."
        raise UsageError(msg)
    return " ".join(scope for scope in SCOPES if scope in given)


def _user(row: UserRow | None, name: str) -> UserRow:
    if row is None:
        msg = f"There is no user {name!r}; `driftloop user list` shows them."
        raise UsageError(msg)
    return row


def _is_over(row: SessionRow, now: datetime) -> bool:
    return now - row.seen_at > IDLE or now - row.created_at > LIFETIME


def _forget_old(session: Session, now: datetime) -> None:
    session.execute(
        sa.delete(SessionRow).where(
            sa.or_(SessionRow.seen_at < now - IDLE, SessionRow.created_at < now - LIFETIME)
        )
    )


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _nobody() -> str:
    """A hash that nothing has."""
    return hashed(secrets.token_urlsafe(32))


def _principal(name: str, scopes: str) -> Principal:
    return Principal(name, frozenset(scopes.split()))


def _known(row: ApiTokenRow) -> KnownToken:
    return KnownToken(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
