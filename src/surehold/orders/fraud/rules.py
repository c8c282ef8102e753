"""From what is known of an order to its signals and their sum: the same facts, the same sum."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import resources

from surehold.identity.tokens import Seals
from surehold.kernel.fraud_settings import FraudSettings
from surehold.kernel.ids import FraudAssessmentId, PaymentId, new_id
from surehold.kernel.money import Money, to_major
from surehold.orders.fraud.model import Assessment, Origin, Signal, SignalName, Suspect
from surehold.orders.model import Address

S = SignalName


def find_signals(suspect: Suspect, settings: FraudSettings) -> tuple[Signal, ...]:
    """Everything that speaks against an order, in a fixed order; a weight of 0 says nothing.

    That it is the buyer's first counts beside something else only.
    """
    weights = settings.weights
    found = tuple(
        Signal(name, weight, sentence)
        for name, sentence in _told(suspect, settings)
        if (weight := getattr(weights, name.value))
    )
    if not found or not suspect.past.is_first or not weights.first_order:
        return found
    return (*found, Signal(S.FIRST_ORDER, weights.first_order, "The buyer's first paid order."))


def assess(
    suspect: Suspect, payment_id: PaymentId, *, settings: FraudSettings, now: datetime
) -> Assessment | None:
    """What came of an order as its money comes by this payment; ``None`` when nothing speaks."""
    signals = find_signals(suspect, settings)
    if not signals:
        return None
    score = sum(signal.weight for signal in signals)
    return Assessment(
        id=FraudAssessmentId(new_id()),
        payment_id=payment_id,
        order_id=suspect.order.id,
        score=score,
        hold_at=settings.hold_at,
        is_held=score >= settings.hold_at,
        signals=signals,
        assessed_at=now,
    )


def _told(suspect: Suspect, settings: FraudSettings) -> Iterator[tuple[SignalName, str]]:
    past, order = suspect.past, suspect.order
    repeated = (
        (S.REPEATED_EMAIL, "from the same e-mail", past.email_hour, past.email_day),
        (S.REPEATED_ADDRESS, "to the same address", past.address_hour, past.address_day),
        (S.REPEATED_NETWORK, "from the same network", past.network_hour, past.network_day),
    )
    for name, what, hour, day in repeated:
        is_network = name is S.REPEATED_NETWORK
        per_hour = settings.network_orders_per_hour if is_network else settings.orders_per_hour
        per_day = settings.network_orders_per_day if is_network else settings.orders_per_day
        if hour >= per_hour or day >= per_day:
            yield name, f"{_count(day)} {what} in a day, {hour} of them in the last hour."
    if past.order_declines >= settings.declines:
        yield S.ORDER_DECLINES, f"{past.order_declines} payments of this order were declined."
    if past.email_declines >= settings.declines:
        told = f"{past.email_declines} payments of other orders from the same e-mail were declined"
        yield S.EMAIL_DECLINES, f"{told} in a day."
    limit = settings.large_amounts.get(order.currency)
    if limit is not None and order.due_minor >= limit:
        due, least = (to_major(Money(it, order.currency)) for it in (order.due_minor, limit))
        yield S.LARGE_AMOUNT, f"It comes to {due} {order.currency}; {least} is a large amount."
    billing = order.billing_address
    if billing is not None and billing.country != order.shipping_address.country:
        countries = f"{billing.country}, and the goods go to {order.shipping_address.country}"
        yield S.COUNTRY_MISMATCH, f"The billing address is in {countries}."
    if is_disposable(order.email):
        yield S.DISPOSABLE_MAIL, "The e-mail is of a service for mailboxes that are thrown away."


def _count(others: int) -> str:
    return "1 other order" if others == 1 else f"{others} other orders"


def is_disposable(email: str) -> bool:
    """Whether an address is of a service that gives mailboxes away for minutes.

    >>> is_disposable("x@mailinator.com"), is_disposable("x@eu.mailinator.com")
    (True, True)
    >>> is_disposable("x@notmailinator.com"), is_disposable("x@example.com")
    (False, False)
    """
    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[start:]) in _disposable() for start in range(len(labels) - 1))


@cache
def _disposable() -> frozenset[str]:
    text = resources.files(__package__).joinpath("disposable_domains.txt").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def origin_of(client_address: str | None, to: Address, seals: Seals) -> Origin:
    """What is kept of where an order comes from and goes to."""
    network = network_of(client_address)
    return Origin(
        None if network is None else seals.mark("order network", network),
        seals.mark("order address", plain_address(to)),
    )


def network_of(address: str | None) -> str | None:
    """The network of a machine: an IPv4 /24, an IPv6 /48; ``None`` of what is no address.

    >>> network_of("192.0.2.7"), network_of("2001:db8:1:2::4"), network_of("::ffff:192.0.2.7")
    ('192.0.2.0/24', '2001:db8:1::/48', '192.0.2.0/24')
    >>> network_of("testclient"), network_of(None)
    (None, None)
    """
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, bits), strict=False))


def plain_address(address: Address) -> str:
    """An address however it was typed: letters and digits in one case, whoever lives there.

    >>> plain_address(Address(name="A", line1="1, Long St.", city="Dublin", country="IE"))
    'IE||1longst|'
    """
    parts = (address.postal_code, address.line1, address.line2)
    plain = ("".join(filter(str.isalnum, (part or "").casefold())) for part in parts)
    return "|".join((address.country, *plain))
