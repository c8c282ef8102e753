"""One key has one answer: what was placed before is told again, whoever placed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from surehold.checkout.model import Placed, Placement
from surehold.db import Connection, idempotency
from surehold.db.idempotency import IdempotencyKeyReused, StoredAnswer
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId

#: Where the keys of checkouts are kept.
SCOPE: Final = "checkout"


async def look_again(
    connection: Connection,
    placements: Sequence[Placement],
    fresh: Sequence[int],
    answers: list[Placed | DomainError | None],
) -> None:
    """Replay what was placed under the same key, elsewhere, while we refused it here.

    It may be the very order that took what is short now: one key has one answer.
    """
    refused = [index for index in fresh if isinstance(answers[index], DomainError)]
    if not refused:
        return
    keys = [placements[index].key for index in refused]
    known = await idempotency.find(connection, scope=SCOPE, keys=keys)
    for index in refused:
        stored = known.get(placements[index].key)
        if stored is not None:
            answers[index] = replay(stored, placements[index])


def replay(stored: StoredAnswer, placement: Placement) -> Placed | DomainError:
    """What a key came to, for whoever sends its body again."""
    if stored.request_hash != placement.request_hash:
        return IdempotencyKeyReused("This Idempotency-Key was used with another body.")
    return Placed(OrderId(stored.subject_id), stored.status, stored.response)


def answer_twin(
    placements: Sequence[Placement],
    firsts: dict[str, int],
    answers: Sequence[Placed | DomainError | None],
    index: int,
) -> Placed | DomainError:
    """The same key twice in one batch: the second gets what the first got."""
    twin = placements[index]
    first = firsts[twin.key]
    answer = answers[first]
    assert answer is not None
    if placements[first].request_hash != twin.request_hash:
        return IdempotencyKeyReused("This Idempotency-Key was used with another body.")
    return answer
