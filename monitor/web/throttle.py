"""How often somebody may be wrong before they must wait."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

#: Wrong tries within `WINDOW` seconds: from one address for one name, from one address, for one
#: name. The last is high, so that nobody can lock a person out from one place.
LIMITS = {"both": 5, "address": 30, "name": 100}
WINDOW = 15 * 60.0
_MOST = 20_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Throttle:
    """Counts wrong passwords by address and by name; bounded, in memory, for one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def wait(self, address: str, name: str) -> float:
        """Seconds until the next try is answered; 0: now."""
        with self._lock:
            now = self._clock()
            waits = [self._left(kind, key, now) for kind, key in _keys(address, name)]
        return max(waits)

    def wrong(self, address: str, name: str) -> None:
        """A try failed."""
        with self._lock:
            now = self._clock()
            for entry in _keys(address, name):
                times = [t for t in self._wrong.pop(entry, []) if now - t < WINDOW]
                self._wrong[entry] = [*times, now][-LIMITS[entry[0]] :]
            while len(self._wrong) > _MOST:
                self._wrong.popitem(last=False)

    def right(self, address: str, name: str) -> None:
        """A try was right: that address may be wrong about that name again."""
        with self._lock:
            self._wrong.pop(("both", f"{address} {name}"), None)

    def _left(self, kind: str, key: str, now: float) -> float:
        times = [t for t in self._wrong.get((kind, key), []) if now - t < WINDOW]
        return 0.0 if len(times) < LIMITS[kind] else times[0] + WINDOW - now


def _keys(address: str, name: str) -> tuple[tuple[str, str], ...]:
    name = name[:200]
    return ("both", f"{address} {name}"), ("address", address), ("name", name)


def address_of(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Who really asks: the last address that none of our own proxies has.

    Parameters
    ----------
    peer : str
        The address of the connection.
    forwarded : str
        The header X-Forwarded-For, which anybody can write; proxies add on the right.
    proxies : sequence of networks
        Those whose word is believed.

    Examples
    --------
    >>> address_of("203.0.113.9", "198.51.100.7", [])
    '203.0.113.9'
    >>> ours = [ipaddress.ip_network("10.0.0.0/8")]
    >>> address_of("10.0.0.2", "1.2.3.4, 198.51.100.7, 10.0.0.1", ours)
    '198.51.100.7'
    """
    for each in [peer, *(part.strip() for part in reversed(forwarded.split(",")))]:
        try:
            address = ipaddress.ip_address(each)
        except ValueError:
            return peer
        if not any(address in network for network in proxies):
            return str(address)
    return peer
