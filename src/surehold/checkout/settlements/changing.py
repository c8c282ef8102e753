"""Changing a placed order before it is sent: worked out, made, or taken back."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.checkout.settlements.paying import begin_anew
from surehold.kernel.ids import OrderChangeId, VariantId
from surehold.orders.changes.errors import ChangeNotCancelable, OrderChangeNotFound
from surehold.orders.changes.model import ChangeState
from surehold.pricing.model import Quote


class _Changing(Settlement, frozen=True):
    """A change that staff wish, with the prices of what it adds."""

    change_id: OrderChangeId
    wish: rules.ChangeWish
    quote: Quote | None
    reason: str
    actor: Actor

    @property
    def adds(self) -> tuple[VariantId, ...]:
        """What it may take units of."""
        return tuple(variant_id for variant_id, _ in self.wish.add)

    def plan(self, case: Case, context: Context) -> rules.PlannedChange:
        """Work it out, and whether its difference can be collected."""
        planned = rules.plan_change(
            case, self.change_id, self.wish, self.quote, reason=self.reason, actor=self.actor
        )
        change = planned.change
        provider = self.provider_of(case)
        if change.is_sold and change.difference_minor > 0:
            context.check_collectable(provider, case.order, change.difference_minor)
        return planned

    def provider_of(self, case: Case) -> str:
        """Who collects the difference."""
        return self.wish.provider or case.order.provider


class PreviewChange(_Changing, frozen=True):
    """Staff ask what a change would come to."""

    def decide(self, case: Case, context: Context) -> Outcome:
        """Work it out, and change nothing.

        Raises:
            Whatever making it would raise.
        """
        return Outcome(UNCHANGED, change=self.plan(case, context).change)


class ChangeOrder(_Changing, frozen=True):
    """Staff change an order. Twice with one key is once."""

    keep: Keep

    @property
    def kept(self) -> Keep:
        """Each counts, so the key is what tells one from another."""
        return self.keep

    def decide(self, case: Case, context: Context) -> Outcome:
        """Make the change, or hold what it adds until the difference is paid.

        Raises:
            InvalidInput, OrderNotChangeable, ChangeAwaitsPayment, PaymentInProgress,
            UnitsNotCancelable, TaxDiffers, NothingLeft, InsufficientStock, RefundExceedsPaid,
            DifferenceChanged, ProviderUnknown, CurrencyNotSupported, AmountNotSupported: As named.
        """
        planned = self.plan(case, context)
        change, waiting = planned.change, case.open_payments
        # Whether the way of paying is still to be had is known before anything changes.
        own_ttl = context.hold_time(case, case.order.provider) if not change.is_sold else None
        if not change.is_sold or change.difference_minor <= 0:
            effect = rules.apply_change(
                case, planned, actor=self.actor, providers=context.providers
            )
            if own_ttl is None:
                return Outcome(effect)
            begun = begin_anew(case, context, waiting, ttl=own_ttl, actor=self.actor)
            return Outcome(effect, begun)
        return await_difference(
            case, context, planned, provider=self.provider_of(case), actor=self.actor
        )


def await_difference(
    case: Case, context: Context, planned: rules.PlannedChange, *, provider: str, actor: Actor
) -> Outcome:
    """Hold what a change adds, and ask for its difference.

    Raises:
        ProviderUnknown, CurrencyNotSupported, AmountNotSupported: Nobody collects it so.
    """
    difference = planned.change.difference_minor
    context.check_collectable(provider, case.order, difference)
    ttl = context.hold_time(case, provider)
    payment, operation = context.begin_payment(
        case.order,
        amount_minor=difference,
        provider_name=provider,
        settings=case.settings,
        expires_at=case.now + ttl,
        now=case.now,
        is_at_once=True,
    )
    effect = rules.await_payment(case, planned, payment, ttl=ttl, actor=actor)
    if operation is not None:
        case.writes.operations.append(operation)
    return Outcome(effect, payment.id)


class CancelChange(Settlement, frozen=True):
    """Staff take a change back that waits for its payment."""

    change_id: OrderChangeId
    actor: Actor

    def decide(self, case: Case, context: Context) -> Outcome:
        """Let it go. Twice changes nothing; money that comes all the same goes back.

        Raises:
            OrderChangeNotFound: The order has none with this id.
            ChangeNotCancelable: It was made, or lapsed.
        """
        change = case.changes.get(self.change_id)
        if change is None:
            raise OrderChangeNotFound("There is no change with this id.")
        if change.state is ChangeState.CANCELED:
            return Outcome(UNCHANGED, change.payment_id)
        if change.state is not ChangeState.AWAITING_PAYMENT:
            raise ChangeNotCancelable(
                f"The change is {change.state.value}.", change_state=change.state.value
            )
        rules.drop_change(
            case,
            change,
            ChangeState.CANCELED,
            actor=self.actor,
            reason="taken back",
            providers=context.providers,
        )
        return Outcome(ChangeState.CANCELED.value, change.payment_id)
