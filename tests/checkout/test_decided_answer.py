"""A provider that decides at once, and its answer that comes after a webhook."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from surehold.checkout.settlements.answers import _begun
from surehold.kernel.ids import OrderId, PaymentId, new_id
from surehold.payments.model import NoAction, Payment, PaymentState
from surehold.payments.providers.port import (
    CreateResult,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_payment(state: PaymentState) -> Payment:
    return Payment(
        id=PaymentId(new_id()), order_id=OrderId(new_id()), provider="sandbox", account="sandbox",
        provider_payment_id="pay_1", state=state, currency="EUR", requested_minor=500,
        authorized_minor=0, captured_minor=0, refunded_minor=0, disputed_minor=0,
        next_action=NoAction(), failure_code=None, failure_message=None, review_reason=None,
        check_count=0, next_check_at=None, created_at=NOW, updated_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("decided", [PaymentState.CAPTURED, PaymentState.FAILED])
def test_a_late_answer_leaves_a_payment_alone_that_is_over(decided: PaymentState) -> None:
    over = a_payment(decided)

    after = _begun(over, CreateResult("pay_1", decided, NoAction()), now=NOW)

    assert after == over


def test_a_decided_answer_has_an_open_payment_read_at_once() -> None:
    lost = msgspec.structs.replace(a_payment(PaymentState.UNKNOWN), provider_payment_id=None)

    after = _begun(lost, CreateResult("pay_1", PaymentState.CAPTURED, NoAction()), now=NOW)

    assert after.provider_payment_id == "pay_1"
    assert after.next_check_at == NOW
