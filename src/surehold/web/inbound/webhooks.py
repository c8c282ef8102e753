"""``POST /webhooks/{provider}``: verified over the raw bytes, stored once, and then answered.

Nothing parses the body before its proof is checked. Providers send again whatever is not answered
with 2xx, so what we cannot keep right now is 503, and nothing is ever redirected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.payments.errors import ProviderUnknown, WebhookProofInvalid
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, headers_of
from surehold.web.limits import WEBHOOK_LIMIT_BYTES, read_body
from surehold.web.openapi import describe
from surehold.web.problems import BodyTooLarge, BodyTooSlow

#: The two refusals of the inbox that this route answers with other statuses than the rest would:
#: an address without a provider is no address, and 400 is what providers understand.
STATUSES: Final[Mapping[type[Exception], int]] = MappingProxyType(
    {ProviderUnknown: 404, WebhookProofInvalid: 400}
)

OTHER: Final = "other"


class ReceivedShape(msgspec.Struct, frozen=True):
    """The delivery is kept. ``new`` counts its events that had not come before."""

    received: bool
    new: int


@post(
    "/webhooks/{provider:str}",
    status_code=200,
    opt=describe(
        tag="webhooks",
        summary="Take a payment provider's message",
        about="The provider's own signature over the raw body is its proof. At most 256 kB. The "
        "same message twice changes nothing.",
        body=dict[str, Any],
        body_type="*/*",
        answer=ReceivedShape,
        errors=(ProviderUnknown, WebhookProofInvalid, BodyTooLarge, BodyTooSlow),
        statuses=dict(STATUSES),
    ),
)
async def receive(
    request: ApiRequest, parts: NamedDependency[Parts], provider: FromPath[str]
) -> ApiResponse:
    """Store the events of one delivery and begin to act on the new ones."""
    headers = headers_of(request)
    raw = await read_body(request.receive, headers, limit=WEBHOOK_LIMIT_BYTES)
    is_ours = parts.checkout.context.providers.find_remote(provider) is not None
    label = provider if is_ours else OTHER
    texts = _texts(request.scope["headers"])
    try:
        count = await parts.inbox.receive(provider_name=provider, raw_body=raw, headers=texts)
    except ProviderUnknown:
        parts.metrics.count_webhook(label, "unknown_provider")
        raise
    except WebhookProofInvalid:
        parts.metrics.count_webhook(label, "refused")
        raise
    except Exception:
        parts.metrics.count_webhook(label, "failed")
        raise
    parts.metrics.count_webhook(label, "new" if count else "repeated")
    return answer(ReceivedShape(received=True, new=count))


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Every header by name; one that came several times has all its values, in order.

    A proof that came twice must not look like one that came once: which of them a proxy in front
    of us would have believed is anybody's guess.
    """
    texts: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        texts[name] = f"{texts[name]}, {value}" if name in texts else value
    return texts


HANDLERS: Final = (receive,)
