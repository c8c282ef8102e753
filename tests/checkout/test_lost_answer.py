"""A provider took the payment and its answer was lost: nobody guesses, and nobody is stuck."""

from __future__ import annotations

from surehold.checkout import commands
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.payments.model import PaymentState, Redirect
from surehold.payments.providers.port import OutcomeUnknown
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_placed_order, begin_payment, look_at
from tests.builders.providers import PretendProvider


async def test_p1_evidence_before_the_answer_does_not_hide_what_the_buyer_must_do(
    db: Database,
) -> None:
    pretend = PretendProvider()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        pretend.fail_next = OutcomeUnknown("the answer was lost")
        lost = await begin_payment(checkout, placed)
        assert lost.payment is not None
        assert lost.payment.state is PaymentState.UNKNOWN
        await commands.check_payment(checkout, lost.payment.id)

        asked_again = await begin_payment(checkout, placed)

        assert asked_again == await look_at(checkout, placed.order.id)
        assert asked_again.payment is not None
        assert asked_again.payment.state is PaymentState.REQUIRES_ACTION
        assert isinstance(asked_again.payment.next_action, Redirect)
        assert len(set(pretend.keys)) == 1
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}
