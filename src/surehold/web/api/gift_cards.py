"""Gift cards and store credit: staff issue and look after them, buyers ask what is on one.

The code of a new card is in one answer. For a day that answer can be asked for again under its
key, so it is kept, with the code sealed: no table ever holds a code that can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.checkout.cards import SEALED_FOR
from surehold.db import Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import GiftCardId, OrderId, PaymentId, RefundId, new_id
from surehold.kernel.money import MAX_MINOR, Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.payments.gift_cards import codes, commands, queries
from surehold.payments.gift_cards.errors import (
    GiftCardBalanceTooLow,
    GiftCardNotFound,
    StoreCreditExists,
)
from surehold.payments.gift_cards.model import (
    Entry,
    GiftCard,
    GiftCardFilter,
    GiftCardKind,
    GiftCardState,
    NewGiftCard,
)
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Email, Line200, MoneyBody, normalize_email
from surehold.web.api.once import get_key, keep_answer
from surehold.web.api.orders import NoBody
from surehold.web.api.parts import Parts
from surehold.web.api.price_fields import GiftCardCode
from surehold.web.api.pricing import Instant
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer,
    answer_bytes,
    encode,
    headers_of,
    read_json,
    read_query,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id

_SCOPE: Final = "gift-cards"
_CREATED: Final = 201
#: The end of what every calendar on the way can count.
_LAST_YEAR: Final = "2999"
_REPEATED: Final = (
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
    Busy,
)
_CODE: Final = "7K4M-92QX-7K4M-92QX-7K4M"


class IssueCardBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card to issue. ``store_credit`` pays only the orders of its ``email``."""

    amount: MoneyBody
    reason: Line200
    kind: Literal["gift_card", "store_credit"] = "gift_card"
    email: Email | None = None
    expires_at: Instant | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """There is something on it, and credit is somebody's."""
        amount = raw.get("amount")
        if isinstance(amount, Mapping) and amount.get("amount") == 0:
            yield Fault(f"{at}/amount/amount", "out_of_range", "There must be something on it.")
        if raw.get("kind") == "store_credit" and raw.get("email") is None:
            yield Fault(f"{at}/email", "missing", "Say whose credit it is.")
        until = raw.get("expires_at")
        if isinstance(until, str) and until[:4] > _LAST_YEAR:
            yield Fault(f"{at}/expires_at", "out_of_range", "Within this millennium, or never.")


class AdjustCardBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A difference in minor units, and why."""

    delta: Annotated[int, Meta(ge=-MAX_MINOR, le=MAX_MINOR, description="Negative takes off.")]
    reason: Line200

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """Something changes."""
        if raw.get("delta") == 0:
            yield Fault(f"{at}/delta", "out_of_range", "Nothing would change.")


class BalanceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code of a card."""

    code: GiftCardCode


class GiftCardQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which cards; everything that is set must hold."""

    email: Annotated[str, Meta(min_length=1, max_length=254)] | None = None
    last_four: Annotated[str, Meta(pattern="^[0-9A-Za-z]{4}$")] | None = None
    state: GiftCardState | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class EntryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a card's entries."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class GiftCardShape(msgspec.Struct, frozen=True):
    """One card. ``state`` is active, spent, expired or disabled."""

    id: GiftCardId
    kind: str
    state: str
    last_four: str
    initial: Money
    balance: Money
    email: str | None
    expires_at: datetime | None
    disabled_at: datetime | None
    disabled_by: str | None
    reason: str
    created_by: str
    created_at: datetime


class IssuedGiftCard(GiftCardShape, frozen=True):
    """A new card with its code, which nobody is shown again."""

    code: str | None


class EntryShape(msgspec.Struct, frozen=True):
    """One change of a balance; ``balance`` is what was there afterwards."""

    id: UUID
    kind: str
    amount: Money
    balance: Money
    order_id: OrderId | None
    payment_id: PaymentId | None
    refund_id: RefundId | None
    reason: str | None
    actor: str
    created_at: datetime


class GiftCardDetail(GiftCardShape, frozen=True):
    """A card, and one page of what happened to it, oldest first."""

    entries: tuple[EntryShape, ...]
    next_cursor: str | None


class GiftCardList(msgspec.Struct, frozen=True):
    """One page of cards, newest first."""

    items: tuple[GiftCardShape, ...]
    next_cursor: str | None


class BalanceShape(msgspec.Struct, frozen=True):
    """What is on a card."""

    kind: str
    last_four: str
    balance: Money
    expires_at: datetime | None


_ISSUE: Final = Reader(IssueCardBody)
_ADJUST: Final = Reader(AdjustCardBody)
_BALANCE: Final = Reader(BalanceBody)
_LIST: Final = Reader(GiftCardQuery)
_ENTRIES: Final = Reader(EntryQuery)
_NO_BODY: Final = Reader(NoBody)
_ISSUED: Final = msgspec.json.Decoder(IssuedGiftCard)


def _facts(card: GiftCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "kind": card.kind.value,
        "state": card.state.value,
        "last_four": card.last_four,
        "initial": Money(card.initial_minor, card.currency),
        "balance": Money(card.balance_minor, card.currency),
        "email": card.owner_email,
        "expires_at": card.expires_at,
        "disabled_at": card.disabled_at,
        "disabled_by": card.disabled_by,
        "reason": card.reason,
        "created_by": card.actor,
        "created_at": card.created_at,
    }


def _entry(entry: Entry, currency: str) -> EntryShape:
    return EntryShape(
        entry.id,
        entry.kind.value,
        Money(entry.amount_minor, currency),
        Money(entry.balance_minor, currency),
        entry.order_id,
        entry.payment_id,
        entry.refund_id,
        entry.reason,
        entry.actor,
        entry.created_at,
    )


def _id(text: str) -> GiftCardId:
    found = parse_id(text)
    if found is None:
        raise GiftCardNotFound("There is no gift card with this id.")
    return GiftCardId(found)


@post(
    "/gift-cards",
    opt=describe(
        tag="gift-cards",
        summary="Issue a gift card, or store credit",
        about="Staff only. The code is in this answer and nowhere else; under the same key it is "
        "answered for 24 hours. A gift card pays for whoever has the code, store credit for the "
        "orders of its e-mail address alone.",
        body=IssueCardBody,
        body_example={
            "amount": {"amount": 5000, "currency": "EUR"},
            "reason": "Sold over the counter",
            "expires_at": "2029-12-31T23:59:59Z",
        },
        answer=IssuedGiftCard,
        status=_CREATED,
        headers=(KEY,),
        errors=(Unauthenticated, StoreCreditExists, *_REPEATED),
        permission=Permission.GIFT_CARDS_WRITE,
        security=(STAFF,),
    ),
)
async def issue(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Make a card with something on it."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _ISSUE)
    seals = parts.checkout.context.seals

    async def work(request_hash: bytes) -> None:
        code = codes.new_code()
        card = NewGiftCard(
            id=GiftCardId(new_id()),
            kind=GiftCardKind(body.kind),
            code_hash=codes.hash_code(code),
            last_four=code[-codes.LAST :],
            currency=body.amount.currency,
            initial_minor=body.amount.amount,
            owner_email=None if body.email is None else normalize_email(body.email).lower(),
            expires_at=None
            if body.expires_at is None
            else datetime.fromisoformat(body.expires_at),
            reason=body.reason,
            actor=actor_of(request).name,
        )
        sealed = seals.seal(SEALED_FOR, card.id, codes.show(code))

        async def keep(tx: Transaction, made: GiftCard) -> None:
            shown = encode(IssuedGiftCard(**_facts(made), code=sealed))
            new = NewKey(key, request_hash, made.id, shown)
            await keep_answer(tx, scope=_SCOPE, status=_CREATED, new=new)

        await commands.issue_card(parts.db, card=card, sealed_code=sealed, keep=keep)

    done = await parts.once.kept(scope=_SCOPE, key=key, body=raw, work=work)
    issued = _ISSUED.decode(done.body)
    code = None if issued.code is None else seals.find(SEALED_FOR, issued.id, issued.code)
    return answer(msgspec.structs.replace(issued, code=code), status=done.status)


@get(
    "/gift-cards",
    opt=describe(
        tag="gift-cards",
        summary="List gift cards and store credit",
        about="Staff only. A card is found by its owner's e-mail address or its last four "
        "letters; its code is known to nobody.",
        query=GiftCardQuery,
        answer=GiftCardList,
        errors=(Unauthenticated,),
        permission=Permission.GIFT_CARDS_READ,
        security=(STAFF,),
    ),
)
async def list_cards(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Cards, newest first."""
    query = read_query(request, _LIST)
    wanted = GiftCardFilter(
        None if query.email is None else query.email.lower(),
        None if query.last_four is None else query.last_four.upper(),
        query.state,
    )
    async with parts.db.connection() as connection:
        page = await queries.list_cards(
            connection, wanted=wanted, cursor=query.cursor, limit=query.limit
        )
    items = tuple(GiftCardShape(**_facts(card)) for card in page.items)
    return answer(GiftCardList(items, page.next_cursor))


@get(
    "/gift-cards/{gift_card_id:str}",
    opt=describe(
        tag="gift-cards",
        summary="Read one gift card and what happened to it",
        about="Staff only.",
        query=EntryQuery,
        answer=GiftCardDetail,
        errors=(Unauthenticated, GiftCardNotFound),
        permission=Permission.GIFT_CARDS_READ,
        security=(STAFF,),
    ),
)
async def get_card(
    request: ApiRequest, parts: NamedDependency[Parts], gift_card_id: FromPath[str]
) -> ApiResponse:
    """One card with a page of its entries."""
    query = read_query(request, _ENTRIES)
    async with parts.db.connection() as connection:
        card = await queries.get_card(connection, card_id=_id(gift_card_id))
        page = await queries.list_entries(
            connection, card_id=card.id, cursor=query.cursor, limit=query.limit
        )
    entries = tuple(_entry(row, card.currency) for row in page.items)
    return answer(GiftCardDetail(**_facts(card), entries=entries, next_cursor=page.next_cursor))


@post(
    "/gift-cards/{gift_card_id:str}/adjust",
    status_code=200,
    opt=describe(
        tag="gift-cards",
        summary="Put something on a gift card, or take it off",
        about="Staff only. Takes a difference; the entry says who did it and why.",
        body=AdjustCardBody,
        body_example={"delta": 1000, "reason": "We are sorry for the delay"},
        answer=GiftCardShape,
        headers=(KEY,),
        errors=(Unauthenticated, GiftCardNotFound, GiftCardBalanceTooLow, *_REPEATED),
        permission=Permission.GIFT_CARDS_WRITE,
        security=(STAFF,),
    ),
)
async def adjust(
    request: ApiRequest, parts: NamedDependency[Parts], gift_card_id: FromPath[str]
) -> ApiResponse:
    """Change a balance by hand."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _ADJUST)
    card_id = _id(gift_card_id)
    scope = f"adjust-gift-card:{card_id}"

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, changed: GiftCard) -> None:
            new = NewKey(key, request_hash, card_id, encode(GiftCardShape(**_facts(changed))))
            await keep_answer(tx, scope=scope, status=200, new=new)

        await commands.adjust_card(
            parts.db,
            card_id=card_id,
            amount_minor=body.delta,
            reason=body.reason,
            actor=actor_of(request).name,
            keep=keep,
        )

    done = await parts.once.kept(scope=scope, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@post(
    "/gift-cards/{gift_card_id:str}/disable",
    status_code=200,
    opt=describe(
        tag="gift-cards",
        summary="Let a gift card pay nothing any more",
        about="Staff only, for a code that was lost or stolen. What is on it stays on it; issue "
        "another card and adjust this one. Twice changes nothing.",
        body=NoBody,
        is_body_optional=True,
        answer=GiftCardShape,
        errors=(Unauthenticated, GiftCardNotFound),
        permission=Permission.GIFT_CARDS_WRITE,
        security=(STAFF,),
    ),
)
async def disable(
    request: ApiRequest, parts: NamedDependency[Parts], gift_card_id: FromPath[str]
) -> ApiResponse:
    """Stop a card."""
    await read_json(request, _NO_BODY, is_optional=True)
    card = await commands.disable_card(
        parts.db, card_id=_id(gift_card_id), actor=actor_of(request).name
    )
    return answer(GiftCardShape(**_facts(card)))


@post(
    "/gift-cards/balance",
    status_code=200,
    opt=describe(
        tag="gift-cards",
        summary="Ask what is on a gift card",
        about="For whoever has the code. An unknown code, one that was stopped and one whose "
        "time is over look the same.",
        body=BalanceBody,
        body_example={"code": _CODE},
        answer=BalanceShape,
        errors=(GiftCardNotFound,),
    ),
)
async def read_balance(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The balance behind a code. Only its hash is looked up, so nothing is compared by letters."""
    body, _ = await read_json(request, _BALANCE)
    code = codes.find_code(body.code)
    assert code is not None  # its form was checked
    async with parts.db.connection() as connection:
        card = await queries.get_payable(connection, code_hash=codes.hash_code(code))
    balance = Money(card.balance_minor, card.currency)
    return answer(BalanceShape(card.kind.value, card.last_four, balance, card.expires_at))


HANDLERS: Final = (issue, list_cards, read_balance, get_card, adjust, disable)
