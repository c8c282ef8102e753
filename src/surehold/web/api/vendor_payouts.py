"""Payouts of vendors over HTTP: proposed, approved, and paid by the bank, in batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import Transaction
from surehold.db.idempotency import NewKey
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Fault
from surehold.kernel.ids import VendorId
from surehold.kernel.money import Money, to_major
from surehold.orders.vendor_accounts import commands, queries
from surehold.orders.vendor_accounts.errors import (
    BankReferenceUsed,
    NothingToPayOut,
    PayoutBatchNotFound,
    PayoutBatchNotMovable,
    PayoutNotCovered,
)
from surehold.orders.vendor_accounts.model import (
    Batch,
    BatchEvent,
    BatchState,
    WholeBatch,
)
from surehold.web.api.access import actor_of
from surehold.web.api.fields import Line200, MoneyBody
from surehold.web.api.once import Finished, get_key, keep_answer
from surehold.web.api.parts import Parts
from surehold.web.api.vendor_accounts import REPEATED, Cells, VendorPageQuery, csv_file
from surehold.web.api.wire import (
    CSV,
    ApiRequest,
    ApiResponse,
    answer,
    answer_bytes,
    encode,
    headers_of,
    read_json,
    read_query,
)
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id

_OK: Final = 200
_CREATED: Final = 201
_MOVED: Final = (Unauthenticated, PayoutBatchNotFound, PayoutBatchNotMovable, *REPEATED)


class ProposeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From how much on vendors are paid, and how many days old what is paid must be."""

    minimum: MoneyBody
    hold_days: Annotated[int, Meta(ge=0, le=365)] = 14

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """Nobody is paid nothing."""
        minimum = raw.get("minimum")
        if isinstance(minimum, Mapping) and minimum.get("amount") == 0:
            yield Fault(f"{at}/minimum/amount", "out_of_range", "At least one minor unit.")


class PayBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bank calls the transfer."""

    bank_reference: Line200


class BatchShape(msgspec.Struct, frozen=True):
    """Vendors who are paid together."""

    id: UUID
    state: BatchState
    minimum: Money
    hold_days: int
    bank_reference: str | None
    created_at: datetime


class PayoutShape(msgspec.Struct, frozen=True):
    """What one vendor gets."""

    vendor_id: VendorId
    vendor: str
    name: str
    amount: Money


class WholeBatchShape(msgspec.Struct, frozen=True):
    """A batch with its payouts and its history."""

    batch: BatchShape
    total: Money
    payouts: tuple[PayoutShape, ...]
    events: tuple[BatchEvent, ...]


class BatchList(msgspec.Struct, frozen=True):
    """One page of batches, the newest first."""

    items: tuple[BatchShape, ...]
    next_cursor: str | None


_PAGE: Final = Reader(VendorPageQuery)
_PROPOSE: Final = Reader(ProposeBody)
_PAY: Final = Reader(PayBody)


@post(
    "/vendor-payouts",
    status_code=_CREATED,
    opt=describe(
        tag="vendors",
        summary="Propose a batch of payouts",
        about="Staff only. Every vendor who is owed at least `minimum` of what is older than "
        "`hold_days`; what was taken back counts at once. Whoever is in another open batch stays "
        "in it, and a negative balance is carried forward.",
        body=ProposeBody,
        body_example={"minimum": {"amount": 1000, "currency": "EUR"}, "hold_days": 14},
        answer=WholeBatchShape,
        status=_CREATED,
        headers=(KEY,),
        errors=(Unauthenticated, NothingToPayOut, *REPEATED),
        permission=Permission.VENDOR_PAYOUTS_WRITE,
        security=(STAFF,),
    ),
)
async def propose(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Who is to be paid."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _PROPOSE)
    minimum = Money(body.minimum.amount, body.minimum.currency)

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, whole: WholeBatch) -> None:
            new = NewKey(key, request_hash, whole.batch.id, encode(_whole(whole)))
            await keep_answer(tx, scope="vendor-payouts", status=_CREATED, new=new)

        await commands.propose_payouts(
            parts.db,
            minimum=minimum,
            hold_days=body.hold_days,
            actor=actor_of(request).name,
            keep=keep,
        )

    done = await parts.once.kept(scope="vendor-payouts", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/vendor-payouts",
    opt=describe(
        tag="vendors",
        summary="List batches of payouts",
        about="Staff only. The newest first.",
        query=VendorPageQuery,
        answer=BatchList,
        errors=(Unauthenticated,),
        permission=Permission.VENDOR_PAYOUTS_READ,
        security=(STAFF,),
    ),
)
async def list_batches(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Batches."""
    query = read_query(request, _PAGE)
    async with parts.db.connection() as connection:
        page = await queries.list_batches(connection, cursor=query.cursor, limit=query.limit)
    return answer(BatchList(tuple(map(_batch, page.items)), page.next_cursor))


@get(
    "/vendor-payouts/{batch_id:str}",
    opt=describe(
        tag="vendors",
        summary="Read a batch of payouts",
        about="Staff only.",
        answer=WholeBatchShape,
        errors=(Unauthenticated, PayoutBatchNotFound),
        permission=Permission.VENDOR_PAYOUTS_READ,
        security=(STAFF,),
    ),
)
async def read_batch(parts: NamedDependency[Parts], batch_id: FromPath[str]) -> ApiResponse:
    """A batch."""
    async with parts.db.connection() as connection:
        whole = await queries.get_batch(connection, batch_id=_batch_id(batch_id))
    return answer(_whole(whole))


@get(
    "/vendor-payouts/{batch_id:str}/file",
    opt=describe(
        tag="vendors",
        summary="Download a batch for the bank",
        about="Staff only. A row for each vendor, in major units.",
        answer=str,
        answer_type=CSV,
        answer_example="vendor,name,amount,currency,reference\r\n"
        "northline,Northline,14.28,EUR,0192f0c4-northline\r\n",
        errors=(Unauthenticated, PayoutBatchNotFound),
        permission=Permission.VENDOR_PAYOUTS_READ,
        security=(STAFF,),
    ),
)
async def download_batch(parts: NamedDependency[Parts], batch_id: FromPath[str]) -> Response[Any]:
    """What the bank carries out."""
    async with parts.db.connection() as connection:
        whole = await queries.get_batch(connection, batch_id=_batch_id(batch_id))
    currency, short = whole.batch.currency, str(whole.batch.id)[:8]
    rows: list[Cells] = [
        [
            row.vendor,
            row.name,
            to_major(Money(row.amount_minor, currency)),
            currency,
            f"{short}-{row.vendor}",
        ]
        for row in whole.payouts
    ]
    header = ["vendor", "name", "amount", "currency", "reference"]
    return csv_file([header, *rows], f"payouts-{short}.csv")


@post(
    "/vendor-payouts/{batch_id:str}/approve",
    status_code=_OK,
    opt=describe(
        tag="vendors",
        summary="Approve a batch of payouts",
        about="Staff only. Refused when vendors are owed less by now. Twice changes nothing.",
        answer=WholeBatchShape,
        headers=(KEY,),
        errors=(*_MOVED, PayoutNotCovered),
        permission=Permission.VENDOR_PAYOUTS_APPROVE,
        security=(STAFF,),
    ),
)
async def approve(
    request: ApiRequest, parts: NamedDependency[Parts], batch_id: FromPath[str]
) -> ApiResponse:
    """Let it be paid."""
    found = _batch_id(batch_id)
    return await _move(
        request,
        parts,
        f"approve-payouts:{found}",
        b"",
        lambda: commands.approve_payouts(parts.db, batch_id=found, actor=actor_of(request).name),
    )


@post(
    "/vendor-payouts/{batch_id:str}/pay",
    status_code=_OK,
    opt=describe(
        tag="vendors",
        summary="Say that the bank paid a batch",
        about="Staff only. Booked once, under the bank's reference.",
        body=PayBody,
        body_example={"bank_reference": "2026-11-21/PAYOUT/3"},
        answer=WholeBatchShape,
        headers=(KEY,),
        errors=(*_MOVED, BankReferenceUsed),
        permission=Permission.VENDOR_PAYOUTS_PAY,
        security=(STAFF,),
    ),
)
async def pay(
    request: ApiRequest, parts: NamedDependency[Parts], batch_id: FromPath[str]
) -> ApiResponse:
    """It left the bank."""
    found = _batch_id(batch_id)
    body, raw = await read_json(request, _PAY)
    return await _move(
        request,
        parts,
        f"pay-payouts:{found}",
        raw,
        lambda: commands.pay_payouts(
            parts.db,
            batch_id=found,
            bank_reference=body.bank_reference,
            actor=actor_of(request).name,
        ),
    )


@post(
    "/vendor-payouts/{batch_id:str}/cancel",
    status_code=_OK,
    opt=describe(
        tag="vendors",
        summary="Give a batch of payouts up",
        about="Staff only. Its vendors may be proposed again. Twice changes nothing.",
        answer=WholeBatchShape,
        headers=(KEY,),
        errors=_MOVED,
        permission=Permission.VENDOR_PAYOUTS_WRITE,
        security=(STAFF,),
    ),
)
async def cancel(
    request: ApiRequest, parts: NamedDependency[Parts], batch_id: FromPath[str]
) -> ApiResponse:
    """It is not paid."""
    found = _batch_id(batch_id)
    return await _move(
        request,
        parts,
        f"cancel-payouts:{found}",
        b"",
        lambda: commands.cancel_payouts(parts.db, batch_id=found, actor=actor_of(request).name),
    )


async def _move(
    request: ApiRequest,
    parts: Parts,
    scope: str,
    raw: bytes,
    command: Callable[[], Awaitable[WholeBatch]],
) -> ApiResponse:
    key = get_key(headers_of(request))

    async def work() -> Finished:
        whole = await command()
        return Finished(_OK, encode(_whole(whole)), whole.batch.id)

    done = await parts.once(scope=scope, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


def _batch_id(text: str) -> UUID:
    found = parse_id(text)
    if found is None:
        raise PayoutBatchNotFound("There is no batch with this id.")
    return found


def _batch(row: Batch) -> BatchShape:
    return BatchShape(
        row.id,
        row.state,
        Money(row.minimum_minor, row.currency),
        row.hold_days,
        row.bank_reference,
        row.created_at,
    )


def _whole(whole: WholeBatch) -> WholeBatchShape:
    currency = whole.batch.currency
    return WholeBatchShape(
        _batch(whole.batch),
        Money(whole.total_minor, currency),
        tuple(
            PayoutShape(row.vendor_id, row.vendor, row.name, Money(row.amount_minor, currency))
            for row in whole.payouts
        ),
        whole.events,
    )


HANDLERS: Final[tuple[Any, ...]] = (
    propose,
    list_batches,
    read_batch,
    download_batch,
    approve,
    pay,
    cancel,
)
