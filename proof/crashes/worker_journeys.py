"""The journeys that a worker is killed in: it dies anywhere, and another worker finishes.

The web server only sets the scene and lives. What the worker finds is due when it starts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from proof.crashes.ground import ON_HAND
from proof.crashes.journeys import Journey, given_back, paid_once
from proof.crashes.story import Story

_OPEN: Final = """
    SELECT EXISTS (SELECT FROM webhook_events WHERE state IN ('received', 'parked'))
        OR EXISTS (SELECT FROM payment_operations WHERE state IN ('pending', 'unknown'))
        OR EXISTS (SELECT FROM reservations WHERE state = 'active' AND expires_at < store_now())
        OR EXISTS (SELECT FROM outbox WHERE published_at IS NULL)
"""
_BUSY: Final = "SELECT EXISTS (SELECT FROM pgqueuer_schedules WHERE status = 'picked')"


async def work_until(story: Story, text: str, *, is_all: bool = True) -> None:
    """A worker, and another if it dies, until a question is answered with yes and all is done.

    Without ``is_all`` something may be left over.
    """
    await story.start_worker()

    async def is_done() -> bool:
        if await story.value(_BUSY):
            return False
        if await story.value(text) and not (is_all and await story.value(_OPEN)):
            return True
        await story.let_leases_end()
        return False

    await story.wait_for(text, is_done)


async def worker_start(story: Story) -> None:
    """There is nothing to do yet, and then there is."""
    await story.open_shop(is_victim=False)
    placed = await story.place("bank_transfer")
    await work_until(story, "SELECT count(*) > 5 FROM pgqueuer_schedules")
    story.expect("status", await story.status(placed), "pending_payment")


async def worker_webhooks(story: Story) -> None:
    """The web server could not read what a webhook hinted at; the worker does."""
    await story.open_shop(is_victim=False)
    placed = await story.place()
    await story.misbehave(answers=[{"fault": "error", "on": "read", "calls": 1}])
    await story.capture(placed)
    await story.hear()
    await story.wait_for(
        "the webhook is parked",
        lambda: story.value("SELECT EXISTS (SELECT FROM webhook_events WHERE state = 'parked')"),
    )
    await work_until(story, "SELECT status = 'paid' FROM orders")
    await paid_once(story, placed)


async def worker_refunds(story: Story) -> None:
    """A paid order was canceled; the worker sends the money back."""
    await story.open_shop(is_victim=False, SUREHOLD_SANDBOX_REFUND_SECONDS="0")
    placed = await story.place()
    await story.capture(placed)
    await story.come_to_rest()
    await story.cancel(placed)
    await work_until(story, "SELECT status = 'refunded' FROM orders")
    total = placed["order"]["total"]["amount"]
    await given_back(story, placed, moved=[("capture", total), ("refund", -total)])


async def worker_expires(story: Story) -> None:
    """An order that nobody pays and a hold of the API are over."""
    await story.open_shop(is_victim=False)
    body = {"lines": [{"variant_id": str(story.variant_id), "quantity": 2}], "ttl_seconds": 60}
    await story.staff("POST", "/api/v1/inventory/reserve", body, key=True, statuses=(201,))
    await story.let_holds_end(timedelta(minutes=2))
    placed = await story.place()
    await story.let_time_pass(placed)
    await work_until(story, "SELECT status = 'canceled' FROM orders")
    await given_back(story, placed, moved=[])
    # The order's own hold expires, or is released with the order: whichever schedule came first.
    states = "SELECT array_agg(state) FROM reservations WHERE order_line_id IS NULL"
    story.expect("holds of the API", await story.value(states), ["expired"])
    story.expect("holds", await story.value("SELECT count(*) FROM reservations"), 2)


async def worker_finds_out(story: Story) -> None:
    """The answer to the creation was lost, and no webhook ever comes."""
    await story.open_shop(is_victim=False)
    await story.misbehave(
        answers=[{"fault": "lose", "on": "create", "calls": 1}], drop_webhooks=True
    )
    placed = await story.place()
    reference = story.merchant_reference(placed)
    step = {"do": "capture", "merchant_reference": reference}
    await story.store.control("batch", steps=[step])
    await work_until(story, "SELECT status = 'paid' FROM orders")
    await paid_once(story, placed)
    story.expect("stock", await story.stock(), (ON_HAND, 1, 0))


WORKER: Final = tuple(
    Journey(tell.__name__.replace("_", "-"), "worker", tell)
    for tell in (
        worker_start,
        worker_webhooks,
        worker_refunds,
        worker_expires,
        worker_finds_out,
    )
)
