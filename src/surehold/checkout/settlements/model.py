"""A request to the settlement lane, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from surehold.checkout.model import PlacedOrder
from surehold.kernel.ids import OrderId, PaymentId, VariantId
from surehold.orders.changes.model import OrderChange
from surehold.payments.model import ReviewDecision

if TYPE_CHECKING:
    from surehold.checkout.case import Case
    from surehold.checkout.engine import Context
    from surehold.checkout.rules import PlannedRefund


class Keep(msgspec.Struct, frozen=True):
    """The key of a request, and how the answer is written that is kept with its work.

    What would count twice is done once for a key: the key and the answer are written in the
    transaction that does the work, and whoever comes again changes nothing.
    """

    scope: str
    key: str
    request_hash: bytes
    render: Callable[[PlacedOrder], bytes]
    #: The HTTP status that is stored with the answer.
    status: int = 200


class Outcome(msgspec.Struct, frozen=True):
    """What came of a request, and the payment that it began or touched."""

    effect: str
    payment_id: PaymentId | None = None
    count: int = 0
    #: What would go back, where that was the question.
    planned: tuple[PlannedRefund, ...] = ()
    #: What would be changed, where that was the question.
    change: OrderChange | None = None
    #: What a person may decide, where that was the question.
    allowed: tuple[ReviewDecision, ...] = ()
    #: Disputes moved while the provider was read: read it again.
    is_stale: bool = False


class Settlement(msgspec.Struct, frozen=True):
    """Something that happens to one placed order."""

    order_id: OrderId

    @property
    def kept(self) -> Keep | None:
        """The key under which this counts once, when it would count twice without one."""
        return None

    @property
    def reads_returns(self) -> bool:
        """Whether it is about goods that come back, which others need not be read for."""
        return False

    @property
    def adds(self) -> tuple[VariantId, ...]:
        """Variants that it may take units of beside those of the order."""
        return ()

    @property
    def reads_waiting(self) -> bool:
        """Whether it asks what of the order is not there yet, or its answer says so."""
        return self.kept is not None

    @property
    def brings_money(self) -> bool:
        """Whether an order may be paid by it, so that what speaks against it is asked for."""
        return False

    @property
    def gives_credit(self) -> bool:
        """Whether money may become store credit, which others need not be read for."""
        return False

    @property
    def writes_fee_of(self) -> PaymentId | None:
        """The payment of a dispute whose fee people write down: a report may have it already."""
        return None

    def decide(self, case: Case, context: Context) -> Outcome:
        """Change the case in memory, and say what came of it. Asked twice, it changes nothing.

        Raises:
            DomainError: It is refused; the case is as it was.
        """
        raise NotImplementedError
