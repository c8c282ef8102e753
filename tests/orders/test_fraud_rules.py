"""Signals and their sum: each by itself, switched off, and together."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surehold.identity.tokens import Seals
from surehold.kernel.fraud_settings import FraudSettings, FraudWeights
from surehold.kernel.ids import PaymentId, new_id
from surehold.orders.fraud.model import Past, SignalName, Suspect
from surehold.orders.fraud.rules import assess, find_signals, is_disposable, origin_of
from surehold.orders.model import Address
from tests.builders.cases import NOW, TOTAL, a_case

ASKED = FraudSettings(is_on=True, large_amounts={"EUR": TOTAL})
QUIET: dict[str, Any] = {
    **dict.fromkeys(("email_hour", "email_day", "address_hour", "address_day"), 0),
    **dict.fromkeys(("network_hour", "network_day", "order_declines", "email_declines"), 0),
    "is_first": False,
}


def a_suspect(*, total: int = TOTAL - 1, email: str = "m@example.com", **past: Any) -> Suspect:
    """An order that nothing speaks against, but for what is said."""
    billing = past.pop("billing", None)
    order = a_case(email=email, billing_address=billing, total_minor=total).order
    return Suspect(order, Past(order.id, **{**QUIET, **past}))


def names(suspect: Suspect, asked: FraudSettings = ASKED) -> list[str]:
    return [signal.name.value for signal in find_signals(suspect, asked)]


@pytest.mark.parametrize(
    ("facts", "signal"),
    [
        ({"email_hour": 3}, "repeated_email"),
        ({"email_day": 6}, "repeated_email"),
        ({"address_hour": 3}, "repeated_address"),
        ({"address_day": 6}, "repeated_address"),
        ({"network_hour": 10}, "repeated_network"),
        ({"network_day": 50}, "repeated_network"),
        ({"order_declines": 3}, "order_declines"),
        ({"email_declines": 3}, "email_declines"),
        ({"total": TOTAL}, "large_amount"),
        ({"billing": Address("M", "1", "P", "FR")}, "country_mismatch"),
        ({"email": "m@eu.mailinator.com"}, "disposable_mail"),
    ],
)
def test_each_signal_fires_at_its_limit_and_not_before(facts: dict[str, Any], signal: str) -> None:
    before = {key: value - 1 for key, value in facts.items() if isinstance(value, int)}
    off = msgspec.structs.replace(FraudWeights(), **{signal: 0})

    assert names(a_suspect(**facts)) == [signal]
    assert names(a_suspect(**before)) == []
    assert names(a_suspect(**facts), msgspec.structs.replace(ASKED, weights=off)) == []


def test_a_first_order_counts_only_beside_something_else() -> None:
    assert names(a_suspect(is_first=True)) == []
    assert names(a_suspect(is_first=True, total=TOTAL)) == ["large_amount", "first_order"]
    same = a_suspect(billing=Address("M", "1", "P", "IE"))
    assert names(same) == []


def test_what_staff_read_says_what_was_found() -> None:
    found = find_signals(
        a_suspect(
            total=TOTAL,
            billing=Address("M", "1", "P", "FR"),
            email_hour=1,
            email_day=6,
            order_declines=4,
        ),
        ASKED,
    )

    assert [(row.weight, row.sentence) for row in found] == [
        (30, "6 other orders from the same e-mail in a day, 1 of them in the last hour."),
        (35, "4 payments of this order were declined."),
        (30, "It comes to 24.90 EUR; 24.90 is a large amount."),
        (30, "The billing address is in FR, and the goods go to IE."),
    ]


@settings(max_examples=200)
@given(
    past=st.fixed_dictionaries(
        {key: st.booleans() if key == "is_first" else st.integers(0, 60) for key in QUIET}
    ),
    weights=st.fixed_dictionaries({one.value: st.integers(0, 100) for one in SignalName}),
    hold_at=st.integers(1, 200),
    total=st.integers(1, 2 * TOTAL),
)
def test_the_score_is_the_sum_of_the_signals_and_holds_from_its_limit_on(
    past: dict[str, Any], weights: dict[str, int], hold_at: int, total: int
) -> None:
    asked = msgspec.structs.replace(ASKED, weights=FraudWeights(**weights), hold_at=hold_at)
    suspect = a_suspect(total=total, **past)

    found = assess(suspect, PaymentId(new_id()), settings=asked, now=NOW)

    signals = find_signals(suspect, asked)
    if found is None:
        assert signals == ()
    else:
        assert found.signals == signals
        assert len({row.name for row in signals}) == len(signals)
        assert found.score == sum(weights[row.name.value] for row in signals) > 0
        assert found.is_held is (found.score >= hold_at)


def test_disposable_mail_is_known_by_its_whole_domain() -> None:
    assert [is_disposable(f"x@{domain}") for domain in ("YOPMAIL.com", "a.b.yopmail.com")] == [
        True,
        True,
    ]
    assert [is_disposable(f"x@{domain}") for domain in ("myyopmail.com", "com", "")] == [
        False,
        False,
        False,
    ]


def test_an_origin_is_the_same_however_it_is_typed_and_another_with_another_key() -> None:
    seals, others = Seals(("one" * 20,)), Seals(("two" * 20,))
    typed = Address("A. Buyer", "12, Quay St.", "Galway", "IE", postal_code="h91 x2kp")
    again = Address("Other", "12 quay st", "GALWAY", "IE", postal_code="H91X2KP")

    first = origin_of("192.0.2.7", typed, seals)

    assert first == origin_of("192.0.2.250", again, seals)
    assert first.network_hash != origin_of("192.0.3.7", typed, seals).network_hash
    elsewhere = msgspec.structs.replace(typed, line1="13, Quay St.")
    assert first.address_hash != origin_of(None, elsewhere, seals).address_hash
    assert origin_of(None, typed, seals).network_hash is None
    assert first.network_hash != origin_of("192.0.2.7", typed, others).network_hash
    assert (len(first.network_hash or b""), len(first.address_hash)) == (16, 16)
