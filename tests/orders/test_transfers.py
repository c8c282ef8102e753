"""Where transfers go and under which reference, what buyers show of them, and what staff say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.db import Database, shop
from surehold.db.invariants import check_invariants
from surehold.db.shop import ShopSettings
from surehold.kernel.errors import InvalidInput
from surehold.kernel.money import Money
from surehold.orders.transfers import commands as transfers
from surehold.orders.transfers import queries
from surehold.orders.transfers.errors import (
    ProofNotFound,
    ProofNotReadable,
    ProofsFull,
    TransferNotAwaited,
)
from surehold.orders.transfers.model import ProofKind
from surehold.payments.errors import PaymentNotConfirmable, PaymentNotFound
from surehold.payments.model import Instructions, PaymentState
from surehold.payments.providers.bank_transfer import (
    BankTransfer,
    find_order_number,
    reference_of,
)
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, a_checkout, a_placed_order, look_at, pay
from tests.builders.trust import set_up
from tests.support.placing import count_rows

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ORDER_NUMBERS = st.text(alphabet=_LETTERS, min_size=8, max_size=8).map("SH-{}".format)
ETB = {
    "currency": "ETB",
    "holder": "Northline PLC",
    "bank": "Bank of the Nile",
    "number": "1000 1234 5678 9",
}
EUR = {
    "currency": "EUR",
    "holder": "Northline Ltd",
    "bank": "Demo Bank",
    "iban": "IE29 AIBK 9311 5212 3456 78",
    "bic": "AIBKIE2D",
}


def a_picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 6), "red").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
async def checkout(db: Database) -> AsyncIterator[Checkout]:
    async with a_checkout(db) as opened:
        yield opened
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


@pytest.fixture
async def placed(db: Database, checkout: Checkout) -> PlacedOrder:
    product = await a_product(db)
    return await a_placed_order(checkout, [(product.variant_id, 1)])


def begin(currency: str, amount: int = 123_405, **settings: Any) -> Instructions:
    made = BankTransfer().begin(
        merchant_reference="SH1",
        order_number="SH-7K4M92QX",
        due=Money(amount, currency),
        settings=msgspec.convert(settings, ShopSettings),
    )
    assert isinstance(made.next_action, Instructions)
    return made.next_action


# --- where it goes ----------------------------------------------------------------------------


def test_money_goes_to_the_account_of_its_currency() -> None:
    accounts = {"bank_accounts": [ETB, EUR]}

    assert begin("ETB", **accounts).lines == (
        ("Account holder", "Northline PLC"),
        ("Account number", "1000 1234 5678 9"),
        ("Bank", "Bank of the Nile"),
    )
    assert begin("EUR", **accounts).lines[1:3] == (
        ("IBAN", "IE29 AIBK 9311 5212 3456 78"),
        ("BIC", "AIBKIE2D"),
    )
    assert begin("USD", **accounts).lines == (
        ("Account holder", "Northline Ltd"),
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
        ("Bank", "Demo Bank"),
    )


def test_a_banking_program_reads_a_transfer_in_euros() -> None:
    assert begin("EUR", bank_accounts=[EUR]).qr_text == (
        "BCD\n002\n1\nSCT\nAIBKIE2D\nNorthline Ltd\nIE29AIBK93115212345678\nEUR1234.05"
        "\n\n\n7K4M92QX1"
    )
    assert begin("USD").qr_text is None
    assert begin("EUR", bank_accounts=[{**ETB, "currency": "EUR"}]).qr_text is None
    assert begin("EUR", 100_000_000_000).qr_text is None


@pytest.mark.parametrize(
    "account",
    [
        {**EUR, "iban": "IE29 AIBK 9311 5212 3456 79"},
        {**EUR, "bic": "AIBK"},
        {**EUR, "number": "1"},
        {**EUR, "iban": None},
        {**EUR, "currency": "eur"},
    ],
)
async def test_an_account_that_cannot_be_is_not_kept(
    db: Database, account: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        await set_up(db, bank_accounts=[account])

    async with db.connection() as connection:
        assert (await shop.load(connection)).bank_accounts == ()


def test_a_number_of_the_old_kind_may_be_no_iban() -> None:
    assert begin("EUR", transfer_iban="12-34-56").lines[1] == ("Account number", "12-34-56")


@given(ORDER_NUMBERS)
def test_a_reference_leads_to_its_order_however_it_is_typed(number: str) -> None:
    reference = reference_of(number)

    typed = f" {reference[:4].lower()}-{reference[4:]}".replace("0", "o").replace("1", "l")
    assert find_order_number(reference) == find_order_number(typed) == number


@given(ORDER_NUMBERS, st.integers(0, 8), st.sampled_from(_LETTERS))
def test_one_wrong_letter_leads_nowhere(number: str, place: int, letter: str) -> None:
    reference = reference_of(number)

    wrong = reference[:place] + letter + reference[place + 1 :]
    assert find_order_number(wrong) == (number if wrong == reference else None)


# --- what buyers show -------------------------------------------------------------------------


async def show(db: Database, placed: PlacedOrder, raw: bytes) -> Any:
    assert placed.payment is not None
    return await transfers.show_proof(db, payment_id=placed.payment.id, raw=raw, actor="buyer")


async def test_files_are_kept_for_staff_and_change_nothing(
    db: Database, placed: PlacedOrder
) -> None:
    assert placed.payment is not None
    before = await count_rows(db)

    picture, pdf = await show(db, placed, a_picture()), await show(db, placed, PDF)

    again = await show(db, placed, a_picture())
    assert (picture.is_new, pdf.is_new, again.is_new) == (True, True, False)
    assert again.proof == picture.proof
    assert (picture.proof.kind, pdf.proof.kind) == (ProofKind.IMAGE, ProofKind.PDF)
    async with db.connection() as connection:
        one = {"payment_id": placed.payment.id}
        kind, content = await queries.get_content(connection, proof_id=picture.proof.id, **one)
        assert (kind, content[:3]) == (ProofKind.IMAGE, b"\xff\xd8\xff")
        assert await queries.get_content(connection, proof_id=pdf.proof.id, **one) == (
            ProofKind.PDF,
            PDF,
        )
        with pytest.raises(ProofNotFound):
            await queries.get_content(connection, proof_id=placed.order.id, **one)
    assert await count_rows(db) == before


@pytest.mark.parametrize("raw", [b"", b"<html>", b"%PDF-1.7 cut off", a_picture()[:40], b"GIF89a"])
async def test_what_is_neither_picture_nor_pdf_is_not_kept(
    db: Database, placed: PlacedOrder, raw: bytes
) -> None:
    with pytest.raises(ProofNotReadable):
        await show(db, placed, raw)


async def test_three_files_are_enough_and_a_paid_order_needs_none(
    db: Database, checkout: Checkout, placed: PlacedOrder
) -> None:
    for number in range(3):
        await show(db, placed, PDF + b"%d" % number)
    with pytest.raises(ProofsFull):
        await show(db, placed, PDF)
    await pay(checkout, placed)
    with pytest.raises(TransferNotAwaited):
        await show(db, placed, PDF)
    with pytest.raises(PaymentNotFound):
        await transfers.show_proof(db, payment_id=placed.order.id, raw=PDF, actor="buyer")


async def test_files_go_with_their_time(db: Database, placed: PlacedOrder) -> None:
    await show(db, placed, PDF)
    await set_up(db, transfer_proof_days=1)
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE transfer_proofs SET added_at = added_at - interval '25 hours'"
        )
    await show(db, placed, a_picture())

    async with db.transaction() as tx:
        assert await transfers.prune_proofs(tx) == 1


# --- what staff look for, and what will not come ----------------------------------------------


async def test_staff_find_what_did_not_come_yet(
    db: Database, checkout: Checkout, placed: PlacedOrder
) -> None:
    product = await a_product(db, sku="OTHER")
    second = await a_placed_order(checkout, [(product.variant_id, 1)])
    paid = await a_placed_order(checkout, [(product.variant_id, 1)])
    await pay(checkout, paid)
    await show(db, placed, PDF)

    async with db.connection() as connection:
        first_page = await queries.list_awaited(connection, limit=1)
        rest = await queries.list_awaited(connection, cursor=first_page.next_cursor)
        found = await queries.list_awaited(connection, order_number=second.order.number)
        with pytest.raises(InvalidInput):
            await queries.list_awaited(connection, cursor="nonsense")

    assert [(row.order_id, row.proofs) for row in first_page.items] == [(placed.order.id, 1)]
    assert [row.order_id for row in rest.items] == [second.order.id]
    assert [row.order_id for row in found.items] == [second.order.id]


async def test_a_buyer_reads_why_a_transfer_is_rejected_and_pays_again(
    checkout: Checkout, placed: PlacedOrder
) -> None:
    async def reject() -> str:
        assert placed.payment is not None
        outcome = await commands.reject_transfer(
            checkout, payment_id=placed.payment.id, reason="A receipt of 2019", actor=STAFF
        )
        return outcome.effect

    assert await reject() == "rejected"
    assert await reject() == "unchanged"

    after = await look_at(checkout, placed.order.id)
    assert after.payment is not None
    assert (after.order.status.value, after.payment.state, after.payment.failure_message) == (
        "payment_failed",
        PaymentState.FAILED,
        "A receipt of 2019",
    )
    again = await commands.retry_payment(
        checkout, order_id=placed.order.id, provider="bank_transfer"
    )
    assert again.order.status.value == "pending_payment"
    # The first transfer comes all the same, and buys it.
    assert await pay(checkout, placed) == "paid"


async def test_what_came_or_is_doubtful_is_not_rejected(
    db: Database, checkout: Checkout, placed: PlacedOrder
) -> None:
    product = await a_product(db, sku="OTHER")
    short = await a_placed_order(checkout, [(product.variant_id, 1)])
    await pay(checkout, short, received=Money(1, "USD"))
    await pay(checkout, placed)
    before = await count_rows(db)

    for row in (placed, short):
        assert row.payment is not None
        with pytest.raises(PaymentNotConfirmable):
            await commands.reject_transfer(
                checkout, payment_id=row.payment.id, reason="no", actor=STAFF
            )

    assert await count_rows(db) == before


async def test_an_order_is_waited_for_as_long_as_its_goods_are_held(
    db: Database, checkout: Checkout, placed: PlacedOrder
) -> None:
    async with db.connection() as connection:
        await connection.raw.execute("UPDATE orders SET placed_at = placed_at - interval '2 days'")
    assert await commands.cancel_unpaid_orders(checkout) == 0

    async with db.connection() as connection:
        await connection.raw.execute("UPDATE reservations SET expires_at = store_now()")
    assert await commands.cancel_unpaid_orders(checkout) == 1

    assert (await look_at(checkout, placed.order.id)).order.status.value == "canceled"
