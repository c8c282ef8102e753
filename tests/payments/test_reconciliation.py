"""The bank's own report beside the books: over real HTTP, with two hundred orders and refunds."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from surehold.checkout import commands
from surehold.checkout.rules import Wish
from surehold.db import Database, shop
from surehold.kernel.ids import OrderId, merchant_reference
from surehold.kernel.money import Money
from surehold.payments.reconciliation import commands as reconciliation
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF as STAFF_ACTOR
from tests.support.api import STAFF, Answer, a_key
from tests.support.bank import Bazaar, a_bazaar, payment_id_of

ORDERS = 200
AT_ONCE = 20
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
async def bazaar(db: Database) -> AsyncIterator[Bazaar]:
    async with a_bazaar(db) as opened:
        yield opened


async def sell(bazaar: Bazaar, count: int) -> list[Any]:
    """Orders that were placed at once, and paid at the bank."""
    lamp = await a_product(bazaar.db, price=1_000, on_hand=count)
    placed: list[Any] = []
    for start in range(0, count, AT_ONCE):
        buys = [bazaar.buy(lamp.variant_id) for _ in range(min(AT_ONCE, count - start))]
        placed += await asyncio.gather(*buys)
    references = [merchant_reference(payment_id_of(one)) for one in placed]
    steps = [{"do": "capture", "merchant_reference": one} for one in references]
    await bazaar.bank.control("batch", {"steps": steps})
    await bazaar.settle()
    return placed


async def refund(bazaar: Bazaar, placed: Any, amount: int) -> None:
    await commands.refund_order(
        bazaar.api.checkout,
        order_id=OrderId(UUID(placed["order"]["id"])),
        wish=Wish(amount=Money(amount, "EUR")),
        reason="a scratch",
        actor=STAFF_ACTOR,
    )


async def fetch_report(bazaar: Bazaar) -> bytes:
    return (await bazaar.bank.get("/v1/settlement")).content


async def send(bazaar: Bazaar, raw: bytes, *, more: str = "", key: str | None = None) -> Answer:
    return await bazaar.api.post(
        f"/reconciliation/reports?provider=sandbox{more}",
        content=raw,
        headers={**STAFF, **CSV, **a_key(key)},
    )


async def differences(bazaar: Bazaar, more: str = "") -> list[tuple[str, int | None, int | None]]:
    answer = await bazaar.api.get(f"/reconciliation/differences?limit=100{more}", headers=STAFF)
    assert answer.status == 200, answer.raw
    return sorted(
        (
            row["cause"],
            row["expected"] and row["expected"]["amount"],
            row["found"] and row["found"]["amount"],
        )
        for row in answer.body["items"]
    )


async def account(db: Database, name: str) -> int:
    async with db.connection() as connection:
        found = await connection.raw.fetchval(
            "SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries WHERE account = $1", name
        )
    return int(found)


def held(raw: bytes) -> int:
    """What the bank still holds, by its own report."""
    return sum(int(row["net"]) for row in csv.DictReader(io.StringIO(raw.decode())))


async def test_after_a_full_report_the_clearing_account_is_what_the_bank_still_holds(
    bazaar: Bazaar,
) -> None:
    placed = await sell(bazaar, ORDERS)
    for number, one in enumerate(placed[:40]):
        await refund(bazaar, one, 100 + number)
    await bazaar.settle()
    payout = (await bazaar.bank.control("payouts", {"currency": "EUR"})).json()["amount"]
    for one in placed[40:60]:
        await refund(bazaar, one, 1_490)
    await bazaar.settle()
    raw = await fetch_report(bazaar)
    owed = await account(bazaar.db, "provider_clearing:sandbox")

    seen = await send(bazaar, raw, more="&dry_run=true")
    first = await send(bazaar, raw)
    again = await send(bazaar, raw)

    rows = ORDERS + 60 + 1
    names = ("row_count", "new_count", "difference_count", "is_known", "problems")
    told = [tuple(one.body[name] for name in names) for one in (seen, first, again)]
    assert told == [(rows, rows, 0, False, []), (rows, rows, 0, False, []), (rows, 0, 0, True, [])]
    fees = ORDERS * (1_490 * 29 // 1_000)
    assert await account(bazaar.db, "provider_fees") == fees
    assert await account(bazaar.db, "bank") == payout
    assert await account(bazaar.db, "provider_clearing:sandbox") == owed - fees - payout
    assert owed - fees - payout == held(raw)
    assert await differences(bazaar) == []
    await bazaar.check(at_rest=False)


async def test_P14_every_difference_has_its_likely_cause_and_goes_when_it_is_explained(
    bazaar: Bazaar,
) -> None:
    placed = await sell(bazaar, 3)
    await refund(bazaar, placed[0], 200)
    await bazaar.settle()
    await bazaar.misbehave(drop_webhooks=True)
    at_the_desk = await bazaar.find_at_bank(placed[1])
    given = await bazaar.bank.control(f"payments/{at_the_desk}/refund", {"amount": 300})
    async with asyncio.timeout(5):  # the bank carries refunds out in its own time
        while given.json()["id"] not in (report := (await fetch_report(bazaar)).decode()):
            await asyncio.sleep(0.01)
    lines = report.splitlines()
    unheard = await bazaar.find_at_bank(placed[2])
    missing = next(line for line in lines if unheard in line)
    few = [line for line in lines if line != missing]
    few.append(f"capture,cap_x,pay_x,,777,22,755,EUR,,{missing.rsplit(',', 1)[1]}")

    until = "&covered_until=2100-01-01T00:00:00Z"
    first = await send(bazaar, "\n".join(few).encode(), more=until)

    assert first.body["difference_count"] == 3
    assert await differences(bazaar) == [
        ("missing_here", None, 777),
        ("missing_there", 1_490, None),
        ("refund_unknown", None, -300),
    ]
    assert await differences(bazaar, "&cause=missing_here&provider=sandbox") == [
        ("missing_here", None, 777)
    ]

    second = await send(bazaar, "\n".join([lines[0], missing]).encode())

    assert (second.body["new_count"], second.body["explained_count"]) == (1, 1)
    assert [one[0] for one in await differences(bazaar)] == ["missing_here", "refund_unknown"]
    assert await differences(bazaar, "&state=explained") == [("missing_there", 1_490, None)]


async def test_the_sweeper_explains_what_the_books_say_later(bazaar: Bazaar) -> None:
    """The bank has the money before the shop has heard of it."""
    lamp = await a_product(bazaar.db, price=1_000, on_hand=1)
    placed = await bazaar.buy(lamp.variant_id)
    await bazaar.charge(placed)

    early = await send(bazaar, await fetch_report(bazaar))

    assert early.body["difference_count"] == 1
    assert await differences(bazaar) == [("state_differs", 0, 1_490)]
    assert await reconciliation.explain_differences(bazaar.db) == 0

    await bazaar.hear()

    assert await reconciliation.explain_differences(bazaar.db) == 1
    assert await differences(bazaar) == []
    await bazaar.check()


async def test_a_person_resolves_a_difference_once_and_it_is_not_found_again(
    bazaar: Bazaar,
) -> None:
    placed = await sell(bazaar, 1)
    raw = await fetch_report(bazaar)
    await bazaar.misbehave(report_skew_minor=-7)
    skewed = await fetch_report(bazaar)
    await send(bazaar, skewed)
    listed = await bazaar.api.get("/reconciliation/differences", headers=STAFF)
    (row,) = listed.body["items"]
    assert (row["cause"], row["order_id"]) == ("amount_differs", placed[0]["order"]["id"])
    where = f"/reconciliation/differences/{row['id']}/resolve"

    async def resolve(note: str) -> Answer:
        return await bazaar.api.post(where, {"note": note}, headers={**STAFF, **a_key()})

    done = await resolve("The bank owes us seven cents")
    twice = await resolve("The bank owes us seven cents")
    otherwise = await resolve("It does not")

    assert (done.body["state"], done.body["ended_by"]) == ("resolved", "operator")
    assert twice.raw == done.raw
    assert otherwise.refusal == (409, "difference_ended")
    assert await reconciliation.explain_differences(bazaar.db) == 0
    assert await differences(bazaar) == []
    # A row that says something else than it did is refused, and nothing of its file is taken.
    answer = await send(bazaar, raw)
    assert answer.faults == {("/rows/2/gross", "changed_since")}
    reports = await bazaar.api.get("/reconciliation/reports", headers=STAFF)
    assert [one["row_count"] for one in reports.body["items"]] == [1]


async def test_a_file_that_is_wrong_changes_nothing(bazaar: Bazaar) -> None:
    raw = b"type,id,gross,currency,created_at\ncapture,1,x,EUR,1700000000\ncapture,2,5,EUR,\n"

    seen = await send(bazaar, raw, more="&dry_run=true")
    told = await send(bazaar, raw)
    unknown = await bazaar.api.post(
        "/reconciliation/reports?provider=nobody",
        content=raw,
        headers={**STAFF, **CSV, **a_key()},
    )

    assert [(one["row"], one["column"], one["code"]) for one in seen.body["problems"]] == [
        (2, "gross", "not_an_amount"),
        (3, "created_at", "missing"),
    ]
    assert told.faults == {
        ("/rows/2/gross", "not_an_amount"),
        ("/rows/3/created_at", "missing"),
    }
    assert unknown.refusal == (404, "no_report_mapping")
    reports = await bazaar.api.get("/reconciliation/reports", headers=STAFF)
    assert reports.body == {"items": [], "next_cursor": None}


async def test_a_bank_statement_is_matched_by_what_buyers_write(bazaar: Bazaar) -> None:
    lamp = await a_product(bazaar.db, price=1_000, on_hand=1)
    placed = await bazaar.buy(lamp.variant_id, payment_method={"provider": "bank_transfer"})
    written = placed["payment"]["next_action"]["reference"]
    confirm = f"/payments/{placed['payment']['id']}/confirm"
    received = {"received": placed["order"]["total"]}
    await bazaar.api.post(confirm, received, headers={**STAFF, **a_key()})
    lines = (
        "entry;type;reference;amount;currency;booked_at",
        f"E-1;credit;{written.lower()};14.90;EUR;2026-01-01",
        "E-2;credit;for the lamp;14.90;EUR;2026-01-01",
    )

    done = await bazaar.api.post(
        "/reconciliation/reports?provider=bank_transfer",
        content="\n".join(lines).encode(),
        headers={**STAFF, **CSV, **a_key()},
    )

    assert (done.body["new_count"], done.body["difference_count"]) == (2, 1)
    assert await differences(bazaar) == [("missing_here", None, 1_490)]


#: A bank's statement that names disputes, and what they cost.
_WITH_FEES = {
    "bank_transfer": {
        "columns": {
            "row_id": "entry",
            "kind": "type",
            "reference": "reference",
            "object_id": "object",
            "gross": "amount",
            "fee": "fee",
            "currency": "currency",
            "occurred_at": "booked_at",
        },
        "kinds": {"credit": "charge", "recall": "dispute", "charges": "fee"},
    }
}


class Recalls:
    """A paid transfer, its bank's recalls, and its bank's statements."""

    def __init__(self, bazaar: Bazaar, placed: Any) -> None:
        self.bazaar = bazaar
        self.payment = placed["payment"]["id"]
        self.minor = placed["order"]["total"]["amount"]

    async def write_down(self, name: str, fee: int) -> Answer:
        body = {
            "provider_dispute_id": name,
            "amount": {"amount": self.minor, "currency": "EUR"},
            "state": "needs_response",
            "reason": "Recalled",
            "fee": fee,
        }
        path = f"/payments/{self.payment}/disputes"
        return await self.bazaar.api.post(path, body, headers={**STAFF, **a_key()})

    async def report(self, *rows: tuple[str, str, str]) -> Any:
        """Rows of an entry, a dispute and its fee; the amounts are of the first row alone."""
        lines = ["entry;type;reference;object;amount;fee;currency;booked_at"]
        for entry, name, fee in rows:
            kind, amount = ("recall", f"-{self.minor / 100}") if fee else ("charges", "0")
            lines.append(f"{entry};{kind};{self.payment};{name};{amount};{fee};EUR;2026-01-01")
        done = await self.bazaar.api.post(
            "/reconciliation/reports?provider=bank_transfer",
            content="\n".join(lines).encode(),
            headers={**STAFF, **CSV, **a_key()},
        )
        assert done.status == 200, done.raw
        return done.body


@pytest.fixture
async def recalls(bazaar: Bazaar) -> Recalls:
    lamp = await a_product(bazaar.db, price=1_000, on_hand=1)
    placed = await bazaar.buy(lamp.variant_id, payment_method={"provider": "bank_transfer"})
    confirm = f"/payments/{placed['payment']['id']}/confirm"
    received = {"received": placed["order"]["total"]}
    await bazaar.api.post(confirm, received, headers={**STAFF, **a_key()})
    async with bazaar.db.transaction() as tx:
        await shop.change(tx, key="settlement_mappings", value=_WITH_FEES, actor="test")
    return Recalls(bazaar, placed)


async def test_fee_that_was_written_down_by_hand_is_the_one_that_the_report_names(
    bazaar: Bazaar, recalls: Recalls
) -> None:
    assert (await recalls.write_down("CB-7", 1_500)).status == 200
    paid = await account(bazaar.db, "dispute_fees")

    await recalls.report(("E-7", "CB-7", "15.00"))

    assert paid == await account(bazaar.db, "dispute_fees") == 1_500
    assert await account(bazaar.db, "provider_fees") == 0
    assert await differences(bazaar) == []
    await bazaar.check()


async def test_fee_of_a_dispute_that_the_report_says_otherwise_is_a_difference_until_it_is_not(
    bazaar: Bazaar, recalls: Recalls
) -> None:
    await recalls.write_down("CB-7", 1_500)

    await recalls.report(("E-7", "CB-7", "20.00"))

    assert await account(bazaar.db, "provider_fees") == 0
    assert await differences(bazaar) == [("fee_unexpected", 1_500, 2_000)]
    await recalls.write_down("CB-7", 2_000)
    assert await reconciliation.explain_differences(bazaar.db) == 1
    assert await account(bazaar.db, "dispute_fees") == 2_000
    await bazaar.check()


async def test_fee_that_a_report_had_booked_is_not_written_down_again(
    bazaar: Bazaar, recalls: Recalls
) -> None:
    await recalls.report(("E-7", "CB-7", "15.00"))
    assert await account(bazaar.db, "provider_fees") == 1_500

    refused = await recalls.write_down("CB-7", 1_500)

    assert refused.refusal == (409, "dispute_fee_reported")
    assert await account(bazaar.db, "dispute_fees") == 0
    assert (await recalls.write_down("CB-7", 0)).status == 200
    assert (await recalls.write_down("CB-8", 700)).status == 200
    assert await account(bazaar.db, "dispute_fees") == 700
    await bazaar.check()


async def test_fee_that_is_reported_and_written_down_at_once_is_booked_once(
    bazaar: Bazaar, recalls: Recalls
) -> None:
    for number in range(4):
        name = f"CB-{number}"
        said, _ = await asyncio.gather(
            recalls.write_down(name, 500), recalls.report((f"E-{number}", name, "5.00"))
        )
        assert said.status in (200, 409)
        both = [await account(bazaar.db, one) for one in ("dispute_fees", "provider_fees")]
        assert sum(both) == 500 * (number + 1)
    await bazaar.check()
