"""HTTP to one annotation tool: one host, no redirects, bounded answers, patience."""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from monitor.core.errors import LabelingError, RefusedError, UnknownOutcomeError

#: The longest answer that is read, in bytes.
MAX_ANSWER = 64 << 20
_ATTEMPTS = 5
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
#: Answers that say "not now": the call was not carried out (429), or may not have been.
_BUSY = frozenset({429, 502, 503, 504})


class TooLargeError(LabelingError):
    """The answer is longer than what is read; ask for less at once."""


@dataclass(slots=True)
class Patience:
    """How long to wait before the next attempt: doubled each time, with full jitter."""

    rng: random.Random = field(default_factory=random.Random)
    sleep: Callable[[float], None] = time.sleep
    first: float = _FIRST_WAIT

    def wait(self, attempt: int, at_least: float = 0.0) -> None:
        """Wait after that attempt (0 for the first)."""
        longest = min(self.first * 2.0**attempt, _LONGEST_WAIT)
        self.sleep(max(self.rng.uniform(longest / 2, longest), min(at_least, 2 * _LONGEST_WAIT)))


class Wire:
    """Calls to one server.

    Only the configured address is ever called: every path is joined to it, and an answer that
    redirects is an error. `GET` (and whatever else is `repeatable`) is tried again when the
    server is busy or does not answer; of any other call that may or may not have happened the
    caller is told, who must look before he repeats it.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        timeout: float,
        per_second: float,
        ca_file: Path | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.url, self.name = url.rstrip("/"), name
        self.patience = patience or Patience()
        #: Headers that prove who we are; asked again with `fresh=True` when one was refused.
        self.credentials: Callable[[bool], Mapping[str, str]] = lambda _fresh: {}
        self._gap, self._next = 1.0 / per_second, 0.0
        verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            follow_redirects=False,
            verify=verify,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON at that path."""
        return self.call("GET", path, params=params, repeatable=True)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool = False,
        public: bool = False,
    ) -> Any:
        """Call the server; its JSON (None where the answer is empty).

        Parameters
        ----------
        repeatable : bool
            Doing it twice is as good as once.
        public : bool
            Without credentials.

        Raises
        ------
        RefusedError
            It understood, and will not.
        UnknownOutcomeError
            No answer, or one that leaves open whether it happened.
        """
        fresh = False
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            headers = {} if public else dict(self.credentials(fresh))
            try:
                response = self._once(method, path, params, body, headers)
            except httpx.ConnectError as error:
                # It never left this machine.
                if last:
                    raise self._unreached(error) from error
                self.patience.wait(attempt)
                continue
            except httpx.TransportError as error:
                if last or not repeatable:
                    raise self._unknown(method, path, error) from error
                self.patience.wait(attempt)
                continue
            if response.status == 401 and not fresh and not public:
                fresh = True
                continue
            if response.status in _BUSY and not last and (repeatable or response.status == 429):
                self.patience.wait(attempt, response.retry_after)
                continue
            return self._read(method, path, response)
        raise AssertionError  # the last attempt returns or raises

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Any,
        headers: dict[str, str],
    ) -> _Answer:
        wait = self._next - time.monotonic()
        if wait > 0:
            self.patience.sleep(wait)
        self._next = time.monotonic() + self._gap
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers["Accept"] = "application/json"
        if content is not None:
            headers["Content-Type"] = "application/json"
        with self._client.stream(
            method, self.url + path, params=params, content=content, headers=headers
        ) as response:
            whole = bytearray()
            for chunk in response.iter_bytes():
                whole += chunk
                if len(whole) > MAX_ANSWER:
                    msg = f"{self.name} at {self.url} answers {path} with more than 64 MB."
                    raise TooLargeError(msg)
            return _Answer(response.status_code, bytes(whole), response.headers)

    def _read(self, method: str, path: str, response: _Answer) -> Any:
        status = response.status
        if 300 <= status < 400:
            msg = (
                f"{self.name} at {self.url} redirects to {response.headers.get('location', '')!r}, "
                "and redirects are not followed; configure the address that answers itself."
            )
            raise LabelingError(msg)
        if status >= 500:
            raise self._unknown(method, path, f"HTTP {status}: {response.text()}")
        if status in (401, 403):
            msg = (
                f"{self.name} at {self.url} does not accept the token (HTTP {status}). "
                "Give a legacy token or a personal access token of a user who may do this."
            )
            raise RefusedError(msg, status=status)
        if status >= 400:
            msg = (
                f"{self.name} at {self.url} refused {method} {path}: "
                f"HTTP {status}, {response.text()}"
            )
            raise RefusedError(msg, status=status)
        if not response.content.strip():
            return None
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError):
            msg = (
                f"What answers at {self.url}{path} is not the API of {self.name} "
                "(no JSON); check the url."
            )
            raise LabelingError(msg) from None

    def _unreached(self, error: Exception) -> LabelingError:
        return LabelingError(
            f"{self.name} at {self.url} cannot be reached: {error}. "
            "Check the url, and that it runs."
        )

    def _unknown(self, method: str, path: str, error: object) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"{self.name} at {self.url} gave no clear answer to {method} {path}: "
            f"{error or type(error).__name__}"
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def retry_after(self) -> float:
        try:
            return max(0.0, float(self.headers.get("retry-after", 0)))
        except ValueError:
            return 0.0

    def text(self) -> str:
        return " ".join(self.content[:2_000].decode("utf-8", "replace").split())[:400]


@contextmanager
def closing(tool: Any) -> Iterator[Any]:
    """The tool, closed at the end."""
    try:
        yield tool
    finally:
        tool.close()
