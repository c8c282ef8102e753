"""Everything that writes authorizations; the settlement lane calls it inside its transaction."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.db import Transaction
from surehold.payments.authorizations import sql
from surehold.payments.authorizations.model import Authorization


class AuthorizationLocked(RuntimeError):
    """An authorization was written under us although we hold its order's lock: a bug."""


async def save_authorizations(tx: Transaction, *, authorizations: Sequence[Authorization]) -> None:
    """Write authorizations as they are now. None cost no trip.

    Raises:
        AuthorizationLocked: Somebody asked for more of one since it was read.
    """
    if not authorizations:
        return
    count = await tx.run(
        sql.SAVE,
        [row.payment_id for row in authorizations],
        [row.begun_at for row in authorizations],
        [row.capture_before for row in authorizations],
        [row.honored_until for row in authorizations],
        [row.renewal_count for row in authorizations],
        [row.told_at for row in authorizations],
        [row.capture_state.value for row in authorizations],
        [row.capture_count for row in authorizations],
        [row.capture_minor for row in authorizations],
        [row.ended_at for row in authorizations],
    )
    if count != len(authorizations):
        raise AuthorizationLocked("an authorization changed under its order's lock")
