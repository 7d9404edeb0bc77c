"""Connections to addresses that somebody wrote into a config: where they may lead, checked late.

A name is checked by what it resolves to at the moment of the connection, so that a name which
points elsewhere on its second look-up (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_ANSWER = 64 << 10


class NetError(Exception):
    """No answer: refused by us, by the network, or by the other side."""


class ForbiddenAddressError(NetError):
    """The address leads where it must not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes  #: at most 64 kB of it
    headers: Mapping[str, str]  #: names in lower case


def request(
    method: str,
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float = 15.0,
    private: bool = False,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """One request to `http://` or `https://`, without redirects, with TLS verified.

    Parameters
    ----------
    timeout : float
        Seconds to connect, and for each answer of the other side.
    private : bool
        Whether addresses of one's own network (RFC 1918, loopback, unique local) are allowed.
        Link-local ones, where clouds keep credentials, never are.

    Raises
    ------
    ForbiddenAddressError
        The name resolves to no address that is allowed.
    NetError
        No connection, or no answer in time.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        msg = "is no http:// or https:// address"
        raise NetError(msg)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.sock = _connected(host, port, timeout, private=private)
        if parts.scheme == "https":
            tls = context or ssl.create_default_context()
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=host)
        connection.request(method, path, body=body or None, headers=dict(headers or {}))
        found = connection.getresponse()
        answered = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, found.read(_LONGEST_ANSWER), answered)
    except (OSError, http.client.HTTPException) as error:
        msg = f"{host}:{port} did not answer: {error or type(error).__name__}"
        raise NetError(msg) from error
    finally:
        connection.close()


def allowed(address: Address, *, private: bool) -> bool:
    """Whether a connection may lead there.

    Examples
    --------
    >>> public, metadata, own = map(
    ...     ipaddress.ip_address, ("93.184.215.14", "169.254.169.254", "::ffff:10.0.0.1")
    ... )
    >>> [allowed(one, private=False) for one in (public, metadata, own)]
    [True, False, False]
    >>> [allowed(one, private=True) for one in (public, metadata, own)]
    [True, False, True]
    """
    inside = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    address = inside or address
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address.is_loopback or address.is_private:
        return private
    return address.is_global


def _connected(host: str, port: int, timeout: float, *, private: bool) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    error: OSError | None = None
    tried = False
    for family, kind, protocol, _, address in found:
        if not allowed(ipaddress.ip_address(str(address[0]).partition("%")[0]), private=private):
            continue
        tried = True
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(timeout)
        try:
            connection.connect(address)
        except OSError as refused:
            connection.close()
            error = refused
            continue
        return connection
    if not tried:
        msg = f"{host} leads to an address that must not be called from here"
        raise ForbiddenAddressError(msg)
    assert error is not None
    raise error
