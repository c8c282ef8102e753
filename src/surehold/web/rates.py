"""How often somebody may ask, by what is asked: limits as data, one answer.

Two kinds of counting. Routes where a guess is worth something are counted in the database, so all
processes of a store share one count. All others are counted in memory, where each process grants
its part of the limit: over all of them never more, and less when the connections of one network
happen to meet in one process.

Counts are by network (an IPv4 address, an IPv6 /64), so nobody uses up what others have; accounts
are slowed apart from this, in ``identity``.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from surehold.db import Database, windows
from surehold.db.database import PASSING
from surehold.identity.model import Place
from surehold.kernel import clock
from surehold.web.problems import TooManyRequests

log = structlog.get_logger(__name__)

#: So many networks are remembered; the one that was seen longest ago is forgotten first, and with
#: it at most a minute of its requests.
NETWORKS_MAX: Final = 20_000
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Rate(msgspec.Struct, frozen=True):
    """So many requests in a minute from one network. ``is_shared``: counted in the database."""

    name: str
    per_minute: int
    is_shared: bool = False


GUESSES: Final = Rate("guesses", 60, is_shared=True)
#: Against floods alone. A telephone company puts thousands of buyers behind one address, and they
#: come at once when a sale opens; what is more than the store can do the lanes turn away.
WRITES: Final = Rate("writes", 6_000)
READS: Final = Rate("reads", 24_000)

#: Starts of paths under which a change is a guess at a secret: a password, a code, a token.
GUESSED_AT: Final = (
    "/api/v1/auth/",
    "/api/v1/account/",
    "/api/v1/gift-cards/balance",
    "/api/v1/me/password",
    "/api/v1/me/email",
    "/api/v1/me/orders/claim",
    "/api/v1/me/totp",
    "/account/",
    "/track",
)
#: Not limited here: providers send as much as there is to say, probes come as often as they come,
#: and files are kept by browsers.
UNLIMITED: Final = ("/webhooks/", "/health/", "/metrics", "/cron/", "/assets/", "/media/")


def rate_of(method: str, path: str) -> Rate | None:
    """What limits a request.

    >>> rate_of("POST", "/api/v1/auth/login").name, rate_of("GET", "/api/v1/products").name
    ('guesses', 'reads')
    >>> rate_of("POST", "/webhooks/stripe") is None
    True
    """
    if path.startswith(UNLIMITED):
        return None
    if method in _SAFE:
        return READS
    return GUESSES if path.startswith(GUESSED_AT) else WRITES


class Rates:
    """The counts of one process."""

    def __init__(self, db: Database, *, processes: int) -> None:
        self._db = db
        self._processes = processes
        #: Per network and rate: how many requests are left, and when that was so.
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    async def check(self, scope: Mapping[str, Any]) -> None:
        """Let a request pass, or not.

        Raises:
            TooManyRequests: ``Retry-After`` says after how many seconds to come back.
        """
        rate = rate_of(scope["method"], scope["path"])
        if rate is None:
            return
        client = scope["client"]
        network = Place(client[0] if client else "").network
        wait = self._take(rate, network)
        if not wait and rate.is_shared:
            try:
                wait = await windows.count(
                    self._db, limit=rate.per_minute, parts=(rate.name, network)
                )
            except PASSING as error:
                # Who asks cannot guess either: the route needs the database as well.
                log.warning("rate_not_counted", reason=repr(error))
        if wait:
            raise TooManyRequests(
                f"Come back in {wait} seconds.", headers={"retry-after": str(wait)}
            )

    def _take(self, rate: Rate, network: str) -> int:
        """One from the bucket; returns 0, or after how many seconds there is one again."""
        # Each process may grant a shared rate whole: it only spares the database the rest.
        size = rate.per_minute if rate.is_shared else max(1, rate.per_minute // self._processes)
        now, key = clock.monotonic_seconds(), (rate.name, network)
        left, at = self._left.get(key, (float(size), now))
        left = min(float(size), left + (now - at) * size / 60)
        if left < 1:
            return max(1, math.ceil((1 - left) * 60 / size))
        self._left[key] = (left - 1, now)
        self._left.move_to_end(key)
        if len(self._left) > NETWORKS_MAX:
            self._left.popitem(last=False)
        return 0


def client_of(
    peer: str,
    forwarded: Sequence[str],
    trusted: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> str:
    """Where a request comes from: the nearest address that is not one of our proxies.

    >>> ours = [ipaddress.ip_network("10.0.0.0/8")]
    >>> client_of("10.0.0.2", ["198.51.100.9, 203.0.113.5"], ours)
    '203.0.113.5'
    >>> client_of("192.0.2.1", ["203.0.113.5"], ours)
    '192.0.2.1'
    """
    found = peer
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    while hops and is_in(found, trusted):
        hop = hops.pop()
        if not _is_address(hop):
            break  # Whatever stands before it was not written by a proxy of ours.
        found = hop
    return found


def is_in(text: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """Whether it is an address in one of the networks.

    >>> is_in("192.0.2.7", [ipaddress.ip_network("192.0.2.0/24")]), is_in("testclient", [])
    (True, False)
    """
    return _is_address(text) and any(ipaddress.ip_address(text) in one for one in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
