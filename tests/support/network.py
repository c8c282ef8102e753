"""Tests stay on this machine: anything but loopback and unix sockets is refused.

An audit hook sees every connection that Python opens, whatever library asks for it.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any, Final

_CONNECTS: Final = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class NetworkIsOff(RuntimeError):
    """A test tried to leave this machine. Use a double that listens on 127.0.0.1."""


def is_local(host: object) -> bool:
    """Whether a host is this machine. A name other than ``localhost`` never is."""
    if host is None or host in {"", "localhost", b"localhost"}:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what an audit event is about to do, unless it stays on this machine."""
    if event == "socket.getaddrinfo":
        # Looking up an address that is written in digits asks nobody.
        if not is_local(arguments[0]) and not _is_written_in_digits(arguments[0]):
            raise NetworkIsOff(f"the name {arguments[0]!r} would be looked up")
    elif event in _CONNECTS:
        address = arguments[1]
        if isinstance(address, tuple) and not is_local(address[0]):
            raise NetworkIsOff(f"{address[0]!r} is not this machine")


def turn_off() -> None:
    """Install the guard, for the rest of the process."""
    sys.addaudithook(refuse_network)


def _is_written_in_digits(host: object) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True
