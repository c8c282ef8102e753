"""Adjustments over HTTP: units that staff add or take off, with a reason."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from litestar import patch
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.inventory import commands
from surehold.inventory.errors import LocationNotFound, UnitsPromised, VariantNotStocked
from surehold.inventory.model import AdjustmentReason
from surehold.inventory.queries import Level
from surehold.kernel.errors import Busy
from surehold.kernel.ids import VariantId
from surehold.web.api.access import actor_of
from surehold.web.api.fields import Note200
from surehold.web.api.inventory.levels import StockShape, stock_shape
from surehold.web.api.inventory.places import LocationCode
from surehold.web.api.once import get_key, keep_answer
from surehold.web.api.parts import Parts
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer_bytes,
    encode,
    headers_of,
    read_json,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id

_OK: Final = 200

Units = Annotated[int, Meta(ge=0, le=1_000_000, description="Whole units.")]
Delta = Annotated[
    int, Meta(ge=-1_000_000, le=1_000_000, description="Units to add; negative takes off.")
]


class AdjustBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A difference at one location, and why; unset, the threshold stays as it is."""

    location: LocationCode
    delta: Delta = 0
    reason: Literal["received", "damaged", "lost", "returned", "promotion", "correction"] = (
        "correction"
    )
    note: Note200 = ""
    low_stock_threshold: Units | None = None


_ADJUST: Final = Reader(AdjustBody)


@patch(
    "/inventory/{variant_id:str}",
    opt=describe(
        tag="inventory",
        summary="Adjust the stock of one variant",
        about="Takes a difference, not a total, so two people at once never overwrite each other. "
        "Units that buyers hold or own cannot be taken off.",
        body=AdjustBody,
        body_example={"location": "main", "delta": -2, "reason": "damaged", "note": "water"},
        answer=StockShape,
        headers=(KEY,),
        errors=(
            Unauthenticated,
            VariantNotStocked,
            LocationNotFound,
            UnitsPromised,
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            RequestInFlight,
            Busy,
        ),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def adjust(
    request: ApiRequest, parts: NamedDependency[Parts], variant_id: FromPath[str]
) -> ApiResponse:
    """Add units or take them off; the movement says who did it and why."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _ADJUST)
    found = parse_id(variant_id)
    if found is None:
        raise VariantNotStocked("No stock is kept of this variant.")
    adjustment = commands.Adjustment(
        VariantId(found),
        body.location,
        body.delta,
        AdjustmentReason(body.reason),
        body.note,
        body.low_stock_threshold,
    )
    scope = f"adjust:{found}"

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, levels: tuple[Level, ...]) -> None:
            shown = encode(await stock_shape(tx, levels))
            new = NewKey(key, request_hash, found, shown)
            await keep_answer(tx, scope=scope, status=_OK, new=new)

        await commands.adjust_stock(
            parts.db, adjustment=adjustment, reference=key, actor=actor_of(request).name, keep=keep
        )

    done = await parts.once.kept(scope=scope, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (adjust,)
