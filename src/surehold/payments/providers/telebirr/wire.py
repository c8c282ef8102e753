"""Telebirr's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.amounts import Amounts
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    RateLimited,
    StateConflict,
    Unavailable,
)
from surehold.payments.providers.http import Answer
from surehold.payments.providers.port import (
    ProviderRefundState,
)

#: Birr with two digits, 0.01 to 100,000,000.00.
AMOUNTS: Final = Amounts(exponents={"ETB": 2}, largest=10_000_000_000)

#: What is no part of the signed text.
UNSIGNED: Final = frozenset(
    {
        "sign",
        "sign_type",
        "header",
        "refund_info",
        "openType",
        "raw_request",
        "biz_content",
        "wallet_reference_data",
    }
)

#: Two vocabularies are in use, in whatever case; keys are in lower case here.
STATES: Final = {
    "wait_pay": PaymentState.REQUIRES_ACTION,
    "accepted": PaymentState.REQUIRES_ACTION,
    "paying": PaymentState.PENDING,
    "pending": PaymentState.PENDING,
    "pay_success": PaymentState.CAPTURED,
    "completed": PaymentState.CAPTURED,
    "refunding": PaymentState.CAPTURED,
    "refund_success": PaymentState.CAPTURED,
    "refund_failed": PaymentState.CAPTURED,
    "pay_failed": PaymentState.FAILED,
    "failure": PaymentState.FAILED,
    "pay_cancel": PaymentState.VOIDED,
    "order_closed": PaymentState.VOIDED,
    "expired": PaymentState.VOIDED,
}
#: Words for an order whose time is over: a payment may have come at the same moment.
CLOSED: Final = frozenset({"order_closed", "expired"})
REFUNDED: Final = "refund_success"
REFUNDING: Final = "refunding"
REFUND_FAILED: Final = "refund_failed"
#: Answer to a refund whose number was used before: the first one stands.
DUPLICATED: Final = "refund_duplicated"
REFUND_STATES: Final = {
    "refund_success": ProviderRefundState.SUCCEEDED,
    "refunding": ProviderRefundState.PENDING,
    "refund_failed": ProviderRefundState.FAILED,
}

_NOT_COMPLETED: Final = "60320021"
_PLATFORM_REFUSED: Final = "60320025"


class Token(msgspec.Struct, frozen=True, rename="camel"):
    """Leave to ask, for about an hour. Its times are some clock's; their distance is not."""

    token: str
    effective_date: str | None = None
    expiration_date: str | None = None


class Content(msgspec.Struct, frozen=True):
    """What an answer says, whichever was asked."""

    merch_order_id: str | None = None
    prepay_id: str | None = None
    order_status: str | None = None
    trade_status: str | None = None
    total_amount: Decimal | None = None
    trans_currency: str | None = None
    refund_status: str | None = None

    @property
    def status(self) -> str:
        """The one word for an order, in lower case."""
        return (self.order_status or self.trade_status or "").strip().lower()


class Reply(msgspec.Struct, frozen=True):
    """An answer: ``result`` says whether the call worked, and nothing of the payment."""

    result: str | None = None
    code: str | int | None = None
    msg: str | None = None
    biz_content: Content | None = None
    error_code: str | int | None = msgspec.field(name="errorCode", default=None)
    error_msg: str | None = msgspec.field(name="errorMsg", default=None)

    @property
    def detail(self) -> str:
        """What a refusal says."""
        return f"{self.error_code or self.code}: {self.error_msg or self.msg}"

    def says(self, *words: str) -> bool:
        """Whether one of the words is in it."""
        return any(word in self.detail.lower() for word in words)


def read_reply(answer: Answer) -> Content:
    """What an answer says. A refusal comes as 200 as well.

    Raises:
        ProviderFailure: It is a refusal, or nothing of Telebirr's.
    """
    if not answer.is_success:
        raise read_failure(answer)
    reply = answer.read(Reply)
    if reply.result != "SUCCESS" or reply.biz_content is None:
        raise read_failure(answer)
    return reply.biz_content


def read_failure(answer: Answer) -> ProviderFailure:
    """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
    told, status = answer.find(Reply), answer.status
    is_told = told is not None and (told.result == "FAIL" or told.error_code is not None)
    detail = told.detail if told is not None and is_told else f"HTTP {status}"
    if status in (401, 403):
        return ConfigurationFault(detail)
    if status == 429:
        return RateLimited(detail)
    if told is None or not is_told or status >= 500:
        return answer.lost(detail)
    code = str(told.error_code or told.code)
    if code == _NOT_COMPLETED:
        return StateConflict(detail, code="not_paid")
    if code == _PLATFORM_REFUSED:
        kind = AmountRefused if told.says("amount", "exceed", "balance") else StateConflict
        return kind(detail, code="refund_refused")
    if told.says("can not find api", "cannot find api"):
        # The account has no leave to give money back: people do it in the portal.
        return ConfigurationFault(detail, code="not_permitted")
    if told.says("verify sign", "appid", "app id", "merch_code"):
        return ConfigurationFault(detail, code="not_believed")
    if told.says("duplicate", "already exist", "repeat"):
        return StateConflict(detail, code="reference_used")
    if told.says("not exist", "not found", "no such"):
        return NotFound(detail)
    return InvalidRequest(detail, code="refused")


def read_amount(content: Content) -> Money | None:
    """The amount of an order, where it is named.

    Raises:
        Unavailable: It cannot be read.
    """
    if content.total_amount is None or content.trans_currency is None:
        return None
    currency = content.trans_currency.upper()
    try:
        # Whatever currency it says is read, so that a wrong one is seen and not lost.
        return Amounts({currency: 2}).from_decimal(content.total_amount, currency)
    except ValueError as error:
        raise Unavailable(f"the answer cannot be read: {error}") from error
