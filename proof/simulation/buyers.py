"""What buyers do: fill carts, place orders in every way, pay, regret, come back, ask twice."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final
from uuid import uuid4

import msgspec

from proof.commands import exercises
from proof.simulation.gifts import some_cards
from proof.simulation.process import Process
from proof.simulation.world import Basket, Purchase, Told, Violated, World, note_order
from surehold.cart import commands as carts
from surehold.checkout import commands, queries, rules
from surehold.checkout.model import BUYER, Answer, Placement
from surehold.db.idempotency import IdempotencyKeyReused
from surehold.kernel.errors import Busy, DomainError
from surehold.kernel.ids import OrderId, PaymentId, VariantId, merchant_reference
from surehold.orders.model import CancelReason
from surehold.payments.model import CASH_ON_DELIVERY
from surehold.pricing.errors import CouponExhausted, PriceChanged
from tests.support.placing import ADDRESS, a_placement

CURRENCIES: Final = ("EUR", "USD")
PROVIDERS: Final = ("sandbox", "bank_transfer", CASH_ON_DELIVERY)
#: A code that every shop of the simulation gives away, and how many buyers enter it.
COUPON: Final = "SIMULATED"
COUPON_RATE: Final = 0.1
_BASKETS_KEPT: Final = 30


# --- placing -------------------------------------------------------------------------------------


@exercises(commands.place_order)
async def place_directly(world: World, process: Process, dice: random.Random) -> None:
    """Order some variants, as most buyers do."""
    await send(process, _new_purchase(world, dice, lines=some_lines(world, dice)))


@exercises(commands.place_order, carts.create_cart, carts.add_line)
async def place_from_a_cart(world: World, process: Process, dice: random.Random) -> None:
    """Order what is in a cart."""
    if not world.baskets:
        await open_cart(world, process, dice)
        return
    basket = dice.choice(world.baskets)
    purchase = _new_purchase(
        world,
        dice,
        lines=(),
        cart_id=basket.cart_id,
        cart_token_hash=carts.hash_token(basket.token),
        currency=None,
    )
    await send(process, purchase)


@exercises(commands.place_order, commands.save_quote)
async def place_as_quoted(world: World, process: Process, dice: random.Random) -> None:
    """Have a price promised, then order at it."""
    lines, currency = some_lines(world, dice), dice.choice(CURRENCIES)
    basket = queries.Basket(
        lines=lines,
        currency=currency,
        destination=rules.destination_of(ADDRESS),
        coupon=_some_coupon(dice),
    )
    async with process.db.connection() as connection:
        books = process.checkout.context.books
        quote = (await queries.price_basket(connection, books=books, basket=basket)).quote
    saved = await commands.save_quote(process.checkout, quote=quote)
    world.did()
    purchase = _new_purchase(
        world,
        dice,
        lines=lines,
        currency=currency,
        coupon=None,
        quote_id=saved.id,
        expected_total_minor=quote.total_minor,
        expected_currency=currency,
    )
    await send(process, purchase)


@exercises(commands.place_order)
async def place_at_a_wrong_total(world: World, process: Process, dice: random.Random) -> None:
    """Be shown another total than the store's: the order must be refused."""
    purchase = _new_purchase(
        world, dice, lines=some_lines(world, dice), expected_total_minor=dice.randrange(1, 50)
    )
    try:
        await send(process, purchase)
    except (PriceChanged, CouponExhausted):
        raise
    except DomainError as refusal:
        if isinstance(refusal, Busy):
            raise
        raise Violated(f"a wrong total was refused as {refusal.code}", *purchase.ids) from refusal
    raise Violated("an order was accepted at a total that its buyer was not shown", purchase.key)


@exercises(commands.place_order)
async def place_twice_at_once(world: World, process: Process, dice: random.Random) -> None:
    """Press the button twice: the same key reaches two processes at the same time."""
    purchase = _new_purchase(world, dice, lines=some_lines(world, dice))
    other = world.a_process(dice)
    world.did()
    second: Answer | BaseException | None = None
    try:
        first, second = await asyncio.gather(
            send(process, purchase),
            other.begin(_ask_again(other, purchase.placement)),
            return_exceptions=True,
        )
    finally:
        is_refused = isinstance(second, DomainError) and not isinstance(second, Busy)
        if purchase.told is not Told.ACCEPTED and not is_refused:
            purchase.told = Told.UNKNOWN
    if isinstance(second, Answer):
        accept(purchase, second)
    failures = [one for one in (first, second) if isinstance(one, BaseException)]
    if failures:
        # A refusal beside an acceptance may be true of another moment: units came in between.
        is_split = len(failures) == 1 and isinstance(failures[0], DomainError)
        world.counts["keys accepted and refused at once"] += is_split
        raise failures[0]


@exercises(commands.place_order)
async def ask_again(world: World, process: Process, dice: random.Random) -> None:
    """Send a placement again because nothing was heard of it, or only to be sure."""
    told = Told.UNKNOWN if dice.random() < 0.7 else Told.ACCEPTED
    purchase = world.a_purchase(dice, told=told)
    if purchase is not None:
        world.counts["retries"] += 1
        await send(process, purchase)


@exercises(commands.place_order)
async def reuse_a_key(world: World, process: Process, dice: random.Random) -> None:
    """Send another body under a key that was accepted: it must be refused."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    forged = msgspec.structs.replace(purchase.placement, request_hash=bytes(32))
    await commands.place_order(process.checkout, forged)
    raise Violated("another body was accepted under a used key", *purchase.ids)


# --- carts ---------------------------------------------------------------------------------------


@exercises(carts.create_cart)
async def open_cart(world: World, process: Process, dice: random.Random) -> None:
    """Begin a cart with something in it."""
    currency = dice.choice(CURRENCIES)
    cart, token = await carts.create_cart(process.db, currency=currency)
    world.baskets.append(Basket(cart.id, token, currency))
    del world.baskets[:-_BASKETS_KEPT]
    world.did()
    await carts.add_line(
        process.db, token=token, variant_id=dice.choice(world.variant_ids), quantity=1
    )


@exercises(
    carts.add_line, carts.change_line, carts.remove_line, carts.clear_cart, carts.accept_changes
)
async def change_cart(world: World, process: Process, dice: random.Random) -> None:
    """Put something in, take something out, take other units, accept what changed."""
    if not world.baskets:
        await open_cart(world, process, dice)
        return
    token = dice.choice(world.baskets).token
    cart = await carts.add_line(
        process.db,
        token=token,
        variant_id=dice.choice(world.variant_ids),
        quantity=dice.randint(1, 2),
    )
    line = dice.choice(cart.lines)
    what = dice.randrange(8)
    world.did(what < 4)
    match what:
        case 0:
            await carts.remove_line(process.db, token=token, line_id=line.id)
        case 1:
            await carts.change_line(
                process.db, token=token, line_id=line.id, quantity=dice.randint(1, 4)
            )
        case 2:
            await carts.accept_changes(process.db, token=token)
        case 3:
            await carts.clear_cart(process.db, token=token)


# --- paying --------------------------------------------------------------------------------------


async def pay_at_the_provider(world: World, _: Process, dice: random.Random) -> None:
    """Enter a card at the bank: it captures, declines or lets the session end. Nobody is told.

    Any payment of the order may be meant, old ones too: so an order is paid late, or twice.
    """
    found = _at_the_provider(world, dice)
    if found is None:
        return
    # What is held is captured at the bank's own desk, now and then.
    what = dice.choices(("pay", "capture", "fail", "expire"), weights=(74, 6, 14, 6))[0]
    if await world.provider.step(what, merchant_reference(found)) is None:
        world.counts[f"provider: {what}"] += 1


@exercises(commands.verify_payment, commands.check_payment)
async def come_back(world: World, process: Process, dice: random.Random) -> None:
    """Return from the bank: the payment is read now."""
    payment_id = _at_the_provider(world, dice)
    if payment_id is not None:
        await commands.verify_payment(process.checkout, payment_id=payment_id)


@exercises(commands.retry_payment)
async def pay_again(world: World, process: Process, dice: random.Random) -> None:
    """Pay an order again, perhaps another way."""
    purchase = world.a_purchase(dice)
    if purchase is not None:
        was_canceled = purchase.is_told_canceled
        placed = await commands.retry_payment(
            process.checkout,
            order_id=purchase.known_id,
            provider=dice.choices(PROVIDERS, weights=(76, 16, 8))[0],
        )
        note_order(purchase, placed, was_canceled=was_canceled)


@exercises(commands.extend_reservation)
async def ask_for_time(world: World, process: Process, dice: random.Random) -> None:
    """Have the items held longer."""
    purchase = world.a_purchase(dice)
    if purchase is not None:
        was_canceled = purchase.is_told_canceled
        placed = await commands.extend_reservation(process.checkout, order_id=purchase.known_id)
        note_order(purchase, placed, was_canceled=was_canceled)


@exercises(commands.cancel_order)
async def regret(world: World, process: Process, dice: random.Random) -> None:
    """Cancel, paid or not."""
    purchase = world.a_purchase(dice)
    if purchase is not None:
        placed = await commands.cancel_order(
            process.checkout,
            order_id=purchase.known_id,
            reason=CancelReason.BUYER,
            actor=BUYER,
        )
        note_canceled(purchase, placed)


def note_canceled(purchase: Purchase, placed: Any) -> None:
    """Remember an answer to a cancellation.

    Raises:
        Violated: It is not canceled.
    """
    note_order(purchase, placed, was_canceled=False)
    if placed.order.canceled_at is None:
        raise Violated(f"{placed.order.number} was canceled and is not", placed.order.id)
    # Given up by the store alone, late money may revive it.
    purchase.is_told_canceled |= placed.order.cancel_reason in {
        CancelReason.BUYER,
        CancelReason.STAFF,
    }


# --- parts ---------------------------------------------------------------------------------------


async def send(process: Process, purchase: Purchase) -> Answer:
    """Send a placement and write down what was told.

    Raises:
        Violated: The answer is another one than before, or a refusal that cannot be.
        DomainError: It was refused.
    """
    was = purchase.told
    purchase.tries += 1
    if was is Told.NOTHING:
        purchase.told = Told.UNKNOWN
    try:
        answer = await commands.place_order(process.checkout, purchase.placement)
    except IdempotencyKeyReused as refusal:
        raise Violated("the same body was refused under its key", *purchase.ids) from refusal
    except Busy:
        raise
    except DomainError as refusal:
        if was is Told.ACCEPTED:
            raise Violated(
                f"accepted, and refused when asked again: {refusal.code}", *purchase.ids
            ) from refusal
        if purchase.tries == 1:  # Otherwise an earlier attempt may be under way still.
            purchase.told = Told.REFUSED
        raise
    accept(purchase, answer)
    return answer


async def _ask_again(process: Process, placement: Placement) -> Answer:
    return await commands.place_order(process.checkout, placement)


def accept(purchase: Purchase, answer: Answer) -> None:
    """Write down an answer.

    Raises:
        Violated: It is another one than before.
    """
    if purchase.body and purchase.body != answer.body:
        purchase.told = Told.ACCEPTED
        raise Violated("the answer of a key has changed", *purchase.ids)
    purchase.told, purchase.body = Told.ACCEPTED, answer.body
    told = msgspec.json.decode(answer.body)
    order = told["order"]
    purchase.order_id = msgspec.convert(order["id"], OrderId)
    purchase.total_minor = order["total"]["amount"]
    purchase.currency = order["total"]["currency"]
    purchase.lines = tuple(
        (msgspec.convert(line["variant_id"], VariantId), line["quantity"])
        for line in order["lines"]
    )
    payment = told["payment"]
    purchase.asked[msgspec.convert(payment["id"], PaymentId)] = payment["amount"]["amount"]
    known = (msgspec.convert(payment["id"], PaymentId), payment["provider"])
    if known not in purchase.payments:
        purchase.payments.insert(0, known)


def _new_purchase(
    world: World,
    dice: random.Random,
    *,
    lines: tuple[tuple[VariantId, int], ...],
    **more: Any,
) -> Purchase:
    key = uuid4().hex
    facts = {
        "email": f"{key}@example.com",
        "currency": dice.choice(CURRENCIES),
        "coupon": _some_coupon(dice),
        **more,
    }
    placement = a_placement(
        *lines,
        key=key,
        body=key,
        provider=dice.choices(PROVIDERS, weights=(64, 24, 12))[0],
        gift_cards=some_cards(world, dice, facts["currency"]),
        **facts,
    )
    purchase = Purchase(placement)
    world.purchases.append(purchase)
    return purchase


def _some_coupon(dice: random.Random) -> str | None:
    """Some have the code, and more of them than it has uses."""
    return COUPON if dice.random() < COUPON_RATE else None


def some_lines(world: World, dice: random.Random) -> tuple[tuple[VariantId, int], ...]:
    """Up to three variants, mostly those that everybody wants."""
    count = dice.choices((1, 2, 3), weights=(70, 20, 10))[0]
    # The first variants are the ones that everybody wants.
    weights = [len(world.variant_ids) - index for index, _ in enumerate(world.variant_ids)]
    wanted = dict.fromkeys(dice.choices(world.variant_ids, weights=weights, k=count))
    return tuple((variant_id, dice.choice((1, 1, 1, 2, 3))) for variant_id in wanted)


def _at_the_provider(world: World, dice: random.Random) -> PaymentId | None:
    purchase = world.a_purchase(dice)
    if purchase is None:
        return None
    remote = [one for one, provider in purchase.payments if provider == "sandbox"]
    return dice.choice(remote) if remote else None
