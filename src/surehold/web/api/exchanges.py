"""The route by which staff send something else for what came back."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.commands import exchange_return
from surehold.checkout.errors import NothingToRefund, RefundExceedsPaid
from surehold.identity.permissions import Permission
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import Busy
from surehold.kernel.ids import OrderChangeId, ReturnId, VariantId, new_id
from surehold.orders.changes.errors import ChangeAwaitsPayment, OrderNotChangeable, TaxDiffers
from surehold.orders.errors import OrderNotFound, ReturnNotFound, ReturnNotPossible
from surehold.payments.errors import AmountNotSupported, CurrencyNotSupported, ProviderUnknown
from surehold.pricing.errors import NotForSale
from surehold.web.api.access import actor_of, open_order
from surehold.web.api.fields import Lines, PaymentMethodBody
from surehold.web.api.order_changes import OrderChangeShape, list_shapes
from surehold.web.api.parts import Parts
from surehold.web.api.price_fields import VatId
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id


class ExchangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent instead of what came back. ``vat_id`` as in a checkout.

    ``payment_method`` collects what it costs more; unless said, as the order was paid.
    """

    add: Lines
    payment_method: PaymentMethodBody | None = None
    vat_id: VatId | None = None


_VARIANT: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d11"
_EXCHANGE: Final = Reader(ExchangeBody)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/exchange",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Send something else for what came back",
        about="Staff only, instead of completing the return. The money of the units that came "
        "becomes store credit of the buyer's (or goes back to the gift card that paid), and pays "
        "for what is sent at the prices of this moment; what it does not need stays there. Sent "
        "twice, it changes nothing the second time. What costs more than came back is "
        "`awaiting_payment`: it is held, and the return stays as it is, until `payment`, which "
        "asks for the difference, is captured. Nobody pays in time: `lapsed`.",
        body=ExchangeBody,
        body_example={
            "add": [{"variant_id": "019a4f2e-7c31-7d40-9b1a-5d2f6c8e0a11", "quantity": 1}]
        },
        answer=OrderChangeShape,
        errors=(
            OrderNotFound,
            Unauthenticated,
            NotForSale,
            ReturnNotFound,
            ReturnNotPossible,
            OrderNotChangeable,
            NothingToRefund,
            RefundExceedsPaid,
            TaxDiffers,
            ChangeAwaitsPayment,
            InsufficientStock,
            ProviderUnknown,
            CurrencyNotSupported,
            AmountNotSupported,
            Busy,
        ),
        permission=Permission.RETURNS_WRITE,
        security=(STAFF,),
    ),
)
async def exchange(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """Settle a return by something else."""
    found, _ = open_order(request, parts, order_id)
    body, _ = await read_json(request, _EXCHANGE)
    one: UUID | None = parse_id(return_id)
    if one is None:
        raise ReturnNotFound("There is no return with this id.")
    await exchange_return(
        parts.checkout,
        order_id=found,
        return_id=ReturnId(one),
        change_id=OrderChangeId(new_id()),
        add=tuple((VariantId(row.variant_id), row.quantity) for row in body.add),
        vat_id=body.vat_id,
        provider=None if body.payment_method is None else body.payment_method.provider,
        actor=actor_of(request),
    )
    return answer([row for row in await list_shapes(parts, found) if row.return_id == one][-1])


HANDLERS: Final = (exchange,)
