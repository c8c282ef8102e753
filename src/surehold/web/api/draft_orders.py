"""Draft orders over HTTP: staff compose and send them, buyers look at them and pay."""

from __future__ import annotations

import hashlib
from typing import Final

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout import queries
from surehold.checkout.commands import DraftForm, place_draft
from surehold.checkout.queries import PricedBasket
from surehold.db import Connection, Transaction, urgent
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import Busy
from surehold.kernel.ids import DraftOrderId
from surehold.kernel.money import Money
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts import queries as draft_queries
from surehold.orders.drafts import rules as draft_rules
from surehold.orders.drafts.errors import (
    DraftLinkExpired,
    DraftOrderCanceled,
    DraftOrderChanged,
    DraftOrderNotFound,
    DraftOrderPlaced,
)
from surehold.orders.drafts.model import Draft, DraftContent, DraftState
from surehold.pricing import rules as pricing
from surehold.pricing.errors import (
    CouponExhausted,
    CouponNotApplicable,
    NotForSale,
    NothingToPay,
    PriceChanged,
    ShippingMethodUnknown,
)
from surehold.web.api.access import actor_of, get_draft_token
from surehold.web.api.draft_shapes import (
    ChangedDraftBody,
    DraftBody,
    DraftEventList,
    DraftList,
    DraftShape,
    DraftsQuery,
    DraftSummary,
    LinkQuery,
    NoPriceShape,
    OfferShape,
    PlaceBody,
    SentDraftShape,
    draft_shape,
    event_shape,
    offer_shape,
    read_content,
    settled,
)
from surehold.web.api.fields import normalize_email
from surehold.web.api.once import get_key, keep_answer
from surehold.web.api.orders import PAYING, NoBody
from surehold.web.api.parts import Parts
from surehold.web.api.shapes import CheckoutShape
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
from surehold.web.openapi import DRAFT, KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id

_SCOPE: Final = "draft-order"
_VARIANT: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"
_KEYED: Final = (IdempotencyKeyMissing, IdempotencyKeyInvalid, IdempotencyKeyReused)
_ENDED: Final = (DraftOrderNotFound, DraftOrderPlaced, DraftOrderCanceled)
_PLACING: Final = (
    *_ENDED,
    DraftOrderChanged,
    *_KEYED,
    CouponNotApplicable,
    CouponExhausted,
    NothingToPay,
    ShippingMethodUnknown,
    *PAYING,
    NotForSale,
    PriceChanged,
    InsufficientStock,
    Busy,
)
#: Why a draft may have no price now.
_UNPRICED: Final = (NotForSale, ShippingMethodUnknown)


_DRAFT: Final = Reader(DraftBody)
_CHANGED: Final = Reader(ChangedDraftBody)
_PLACE: Final = Reader(PlaceBody)
_PAGE: Final = Reader(DraftsQuery)
_LINK: Final = Reader(LinkQuery)
_NO_BODY: Final = Reader(NoBody)
_EXAMPLE: Final = {
    "currency": "EUR",
    "email": "ada@example.com",
    "lines": [
        {
            "variant_id": _VARIANT,
            "quantity": 2,
            "unit_price": {"amount": 4900, "currency": "EUR"},
            "reason": "As on the flyer",
        }
    ],
    "discount": {"amount": 500, "currency": "EUR"},
    "discount_reason": "Sorry for the wait",
}
_PLACE_EXAMPLE: Final = {
    "payment_method": {"provider": "bank_transfer"},
    "version": 3,
    "expected_total": 9790,
}


def _id(text: str) -> DraftOrderId:
    found = parse_id(text)
    if found is None:
        raise DraftOrderNotFound("There is no draft order with this id.")
    return DraftOrderId(found)


async def _price(
    connection: Connection, parts: Parts, content: DraftContent
) -> PricedBasket | NoPriceShape:
    """What it costs now, or why nobody can say."""
    try:
        return await queries.price_basket(
            connection,
            books=parts.checkout.context.books,
            basket=queries.basket_of(content),
        )
    except _UNPRICED as refusal:
        return NoPriceShape(refusal.code, refusal.detail)


async def _show(parts: Parts, draft: Draft) -> DraftShape:
    async with parts.db.connection() as connection:
        return draft_shape(draft, await _price(connection, parts, draft.content))


# --- what staff do -------------------------------------------------------------------------------


@post(
    "/draft-orders",
    opt=describe(
        tag="orders",
        summary="Compose an order for a buyer",
        about="Staff only. A draft holds no stock and promises no price: it is priced at the "
        "store's terms whenever it is looked at, but for the prices that staff set in it, each "
        "with a reason. A line with a price of its own takes no part in promotions.",
        body=DraftBody,
        body_example=_EXAMPLE,
        answer=DraftShape,
        status=201,
        headers=(KEY,),
        errors=(Unauthenticated, *_KEYED, RequestInFlight),
        permission=Permission.DRAFTS_WRITE,
        security=(STAFF,),
    ),
)
async def create(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Write a draft."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _DRAFT)
    content = read_content(body)
    async with parts.db.connection() as connection:
        priced = await _price(connection, parts, content)

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, draft: Draft) -> None:
            new = NewKey(key, request_hash, draft.id, encode(draft_shape(draft, priced)))
            await keep_answer(tx, scope=_SCOPE, status=201, new=new)

        await drafts.create_draft(
            parts.db, content=content, actor=actor_of(request).name, keep=keep
        )

    done = await parts.once.kept(scope=_SCOPE, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/draft-orders",
    opt=describe(
        tag="orders",
        summary="List draft orders",
        about="Staff only, newest first. `expired`: sent, and the link is over.",
        query=DraftsQuery,
        answer=DraftList,
        errors=(Unauthenticated,),
        permission=Permission.ORDERS_READ,
        security=(STAFF,),
    ),
)
async def list_all(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Drafts, newest first."""
    query = read_query(request, _PAGE)
    state = None if query.state is None else DraftState(query.state)
    async with parts.db.connection() as connection:
        page = await draft_queries.list_drafts(
            connection, state=state, cursor=query.cursor, limit=query.limit
        )
        totals = await queries.total_drafts(
            connection,
            books=parts.checkout.context.books,
            contents=[row.content for row in page.items],
        )
    items = tuple(
        DraftSummary(
            row.id,
            row.state.value,
            row.version,
            row.content.email,
            sum(line.quantity for line in row.content.lines),
            row.content.currency,
            None if total is None else Money(total, row.content.currency),
            row.link_expires_at,
            row.order_number,
            row.changed_by,
            row.created_at,
            row.updated_at,
        )
        for row, total in zip(page.items, totals, strict=True)
    )
    return answer(DraftList(items, page.next_cursor))


@get(
    "/draft-orders/{draft_id:str}",
    opt=describe(
        tag="orders",
        summary="Read a draft order",
        answer=DraftShape,
        errors=(Unauthenticated, DraftOrderNotFound),
        permission=Permission.ORDERS_READ,
        security=(STAFF,),
    ),
)
async def get_one(parts: NamedDependency[Parts], draft_id: FromPath[str]) -> ApiResponse:
    """One draft, priced now."""
    async with parts.db.connection() as connection:
        draft = await draft_queries.get_draft(connection, draft_id=_id(draft_id))
        return answer(draft_shape(draft, await _price(connection, parts, draft.content)))


@get(
    "/draft-orders/{draft_id:str}/events",
    opt=describe(
        tag="orders",
        summary="Read who wrote what of a draft order",
        about="Staff only. Every version, oldest first: who set which price, and why.",
        answer=DraftEventList,
        errors=(Unauthenticated, DraftOrderNotFound),
        permission=Permission.ORDERS_READ,
        security=(STAFF,),
    ),
)
async def list_events(parts: NamedDependency[Parts], draft_id: FromPath[str]) -> ApiResponse:
    """Its history."""
    found = _id(draft_id)
    async with parts.db.connection() as connection:
        await draft_queries.get_draft(connection, draft_id=found)
        rows = await draft_queries.list_draft_events(connection, draft_id=found)
    return answer(DraftEventList(tuple(map(event_shape, rows))))


@put(
    "/draft-orders/{draft_id:str}",
    opt=describe(
        tag="orders",
        summary="Change a draft order",
        about="Staff only. The whole draft, with the `version` that was read: when somebody wrote "
        "another one meanwhile, nothing is changed. A link that was sent shows the new content.",
        body=ChangedDraftBody,
        body_example={**_EXAMPLE, "version": 1},
        answer=DraftShape,
        errors=(Unauthenticated, *_ENDED, DraftOrderChanged),
        permission=Permission.DRAFTS_WRITE,
        security=(STAFF,),
    ),
)
async def change(
    request: ApiRequest, parts: NamedDependency[Parts], draft_id: FromPath[str]
) -> ApiResponse:
    """Write another version."""
    body, _ = await read_json(request, _CHANGED)
    draft = await drafts.change_draft(
        parts.db,
        draft_id=_id(draft_id),
        version=body.version,
        content=read_content(body),
        actor=actor_of(request).name,
    )
    return answer(await _show(parts, draft))


@post(
    "/draft-orders/{draft_id:str}/send",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Make the payment link of a draft order",
        about="Staff only. The answer has the link, once: it is kept as a hash. It opens the "
        "draft for the store's days (the setting `draft_link_days`). Sent again, another link is "
        "made and the earlier one opens nothing any more. What has no price is not sent.",
        body=NoBody,
        is_body_optional=True,
        answer=SentDraftShape,
        errors=(Unauthenticated, *_ENDED, *_UNPRICED, NothingToPay),
        permission=Permission.DRAFTS_WRITE,
        security=(STAFF,),
    ),
)
async def send(
    request: ApiRequest, parts: NamedDependency[Parts], draft_id: FromPath[str]
) -> ApiResponse:
    """Make a link for the buyer."""
    await read_json(request, _NO_BODY, is_optional=True)
    found = _id(draft_id)
    async with parts.db.connection() as connection:
        draft = await draft_queries.get_draft(connection, draft_id=found)
        draft_rules.check_open(draft)
        priced = await queries.price_basket(
            connection,
            books=parts.checkout.context.books,
            basket=queries.basket_of(draft.content),
        )
    pricing.check_payable(priced.quote)
    sent = await drafts.send_draft(parts.db, draft_id=found, actor=actor_of(request).name)
    url = f"{parts.checkout.context.base_url}/draft/{sent.token}"
    return answer(SentDraftShape(await _show(parts, sent.draft), url, sent.token))


@post(
    "/draft-orders/{draft_id:str}/cancel",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Take a draft order back",
        about="Staff only. Its link says so. Canceling twice changes nothing.",
        body=NoBody,
        is_body_optional=True,
        answer=DraftShape,
        errors=(Unauthenticated, DraftOrderNotFound, DraftOrderPlaced),
        permission=Permission.DRAFTS_WRITE,
        security=(STAFF,),
    ),
)
async def cancel(
    request: ApiRequest, parts: NamedDependency[Parts], draft_id: FromPath[str]
) -> ApiResponse:
    """Nobody can place it any more."""
    await read_json(request, _NO_BODY, is_optional=True)
    draft = await drafts.cancel_draft(
        parts.db, draft_id=_id(draft_id), actor=actor_of(request).name
    )
    return answer(await _show(parts, draft))


@post(
    "/draft-orders/{draft_id:str}/place",
    opt=describe(
        tag="orders",
        summary="Place a draft order for its buyer",
        about="Staff only: for a bank transfer, say. It becomes one order, whoever else places "
        "it at the same moment, by the checkout's own rules of stock, coupons and prices. What "
        "the draft leaves open (`email`, `shipping_address`) is sent along.",
        body=PlaceBody,
        body_example=_PLACE_EXAMPLE,
        answer=CheckoutShape,
        status=201,
        headers=(KEY,),
        errors=(Unauthenticated, *_PLACING),
        permission=Permission.DRAFTS_WRITE,
        security=(STAFF,),
    ),
)
async def place(
    request: ApiRequest, parts: NamedDependency[Parts], draft_id: FromPath[str]
) -> ApiResponse:
    """Make an order of it as staff."""
    found = _id(draft_id)
    async with parts.db.connection() as connection:
        draft = await draft_queries.get_draft(connection, draft_id=found)
    return await _place(request, parts, draft, token=None)


# --- what buyers do ------------------------------------------------------------------------------


@get(
    "/draft-orders/by-token",
    opt=describe(
        tag="orders",
        summary="Read the draft order of a payment link",
        about="For the buyer who has the link. `asks_for` names what the draft leaves open. Once "
        "it is placed, `order` opens the order.",
        query=LinkQuery,
        answer=OfferShape,
        errors=(DraftOrderNotFound,),
        security=(DRAFT,),
    ),
)
async def get_offer(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What the buyer is offered."""
    read_query(request, _LINK)
    token = get_draft_token(request)
    async with parts.db.connection() as connection:
        draft = await draft_queries.get_draft_by_link(connection, token=token)
        priced = await _price(connection, parts, draft.content)
    return answer(offer_shape(parts.checkout.context, draft, priced))


@post(
    "/draft-orders/by-token/place",
    opt=describe(
        tag="orders",
        summary="Pay a draft order by its link",
        about="It becomes an order, once, whoever else places it at the same moment, and its "
        "payment begins as at the checkout. Send the `version` and the `expected_total` that "
        "were shown: if staff or the store changed either, nothing is placed.",
        body=PlaceBody,
        body_example=_PLACE_EXAMPLE,
        query=LinkQuery,
        answer=CheckoutShape,
        status=201,
        headers=(KEY,),
        errors=(*_PLACING, DraftLinkExpired),
        security=(DRAFT,),
    ),
)
async def place_by_link(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Make an order of it as its buyer."""
    read_query(request, _LINK)
    token = get_draft_token(request)
    async with parts.db.connection() as connection:
        draft = await draft_queries.get_draft_by_link(connection, token=token)
    return await _place(request, parts, draft, token=token)


async def _place(
    request: ApiRequest, parts: Parts, draft: Draft, *, token: str | None
) -> ApiResponse:
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _PLACE)
    # Who asks, and for which draft, is part of the question.
    asked = b"staff" if token is None else draft_queries.hash_token(token)
    form = DraftForm(
        key=key,
        request_hash=hashlib.sha256(raw + draft.id.bytes + asked).digest(),
        provider=body.payment_method.provider,
        actor=actor_of(request).name,
        token=token,
        version=body.version,
        expected_total_minor=body.expected_total,
        email=None if body.email is None else normalize_email(body.email),
        shipping_address=settled(body.shipping_address),
        billing_address=settled(body.billing_address),
        shipping_method=body.shipping_method,
    )
    with urgent():
        done = await place_draft(parts.checkout, draft=draft, form=form)
    parts.metrics.orders_placed += 1
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (
    create,
    list_all,
    get_offer,
    get_one,
    list_events,
    change,
    send,
    cancel,
    place,
    place_by_link,
)
