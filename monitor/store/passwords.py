"""Secrets that are kept only as hashes: scrypt (RFC 7914), from the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading

#: OWASP's least cost for scrypt is 2^17 at r = 8, p = 1 (or the like): 128 MiB for each try.
_COST, _BLOCK, _PARALLEL = 2**17, 8, 1
_LENGTH = 32


def hashed(secret: str, *, cost: int = _COST) -> str:
    """Hash of a secret with a salt of its own, as text.

    Parameters
    ----------
    secret : str
        A password, or the secret part of a token.
    cost : int
        CPU and memory cost, a power of two. A token of 256 random bits cannot be guessed, so it
        may be cheap; a password must not.
    """
    salt = secrets.token_bytes(16)
    parts = (str(cost), str(_BLOCK), str(_PARALLEL), _text(salt))
    return "$".join(("scrypt", *parts, _text(_scrypt(secret, salt, cost, _BLOCK, _PARALLEL))))


def matches(secret: str, stored: str) -> bool:
    """Whether a secret has that hash; compared in constant time."""
    kind, cost, block, parallel, salt, digest = stored.split("$")
    if kind != "scrypt":
        return False
    found = _scrypt(secret, _bytes(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, _bytes(digest))


#: Each needs 128 MiB: many at once, which anybody can ask for, wait for each other.
_TURN = threading.BoundedSemaphore(2)


def _scrypt(secret: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    with _TURN:
        return hashlib.scrypt(
            secret.encode("utf-8", "surrogatepass"),
            salt=salt,
            n=cost,
            r=block,
            p=parallel,
            maxmem=256 * cost * block,
            dklen=_LENGTH,
        )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
