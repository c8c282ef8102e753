"""Keeping what buyers show of transfers, and letting go of it."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Final

import msgspec

from surehold.db import Database, Transaction, shop
from surehold.kernel.ids import PaymentId, TransferProofId, new_id
from surehold.kernel.permissions import Permission, require_of_staff
from surehold.orders.photos.commands import DARKROOM
from surehold.orders.transfers import sql
from surehold.orders.transfers.errors import ProofsFull, TransferNotAwaited
from surehold.orders.transfers.model import PROOFS_MAX, Proof
from surehold.orders.transfers.rules import read_proof
from surehold.payments.errors import PaymentNotFound

_PRUNE_LIMIT: Final = 500


class Shown(msgspec.Struct, frozen=True):
    """A file, and whether it was not there before."""

    proof: Proof
    is_new: bool


async def show_proof(db: Database, *, payment_id: PaymentId, raw: bytes, actor: str) -> Shown:
    """Keep a file that is to show that a transfer was sent. It changes nothing of the payment.

    The same bytes sent again are the file that is there.

    Raises:
        ProofNotReadable, PhotoTooLarge: Of the bytes.
        PaymentNotFound: No such payment.
        TransferNotAwaited: It is not by transfer, or not awaited any more.
        ProofsFull: There are three already.
    """
    require_of_staff(Permission.PAYMENTS_CONFIRM)
    kind, content = await asyncio.get_running_loop().run_in_executor(DARKROOM, read_proof, raw)
    source_hash = hashlib.sha256(raw).digest()

    async def work(tx: Transaction) -> Shown:
        payment = await tx.find(sql.LOCK_PAYMENT, payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        if not payment.is_awaited:
            raise TransferNotAwaited("No transfer is awaited.", payment_state=payment.state)
        same = await tx.find(sql.FIND_SAME_PROOF, payment_id, source_hash)
        if same is not None:
            return Shown(same, is_new=False)
        made = TransferProofId(new_id())
        while not await tx.run(
            sql.INSERT_PROOF, made, payment_id, kind.value, content, source_hash, actor
        ):
            shown = await tx.all(sql.LIST_PROOFS, payment_id)
            if len(shown) >= PROOFS_MAX:
                raise ProofsFull(f"At most {PROOFS_MAX} files are taken.", limit=PROOFS_MAX)
            same = await tx.find(sql.FIND_SAME_PROOF, payment_id, source_hash)
            if same is not None:  # sent twice at once
                return Shown(same, is_new=False)
        added = await tx.find(sql.FIND_SAME_PROOF, payment_id, source_hash)
        assert added is not None
        return Shown(added, is_new=True)

    return await db.retrying(work)


async def prune_proofs(tx: Transaction) -> int:
    """Delete some of the files that are older than the store keeps them; returns how many."""
    days = (await shop.load(tx)).transfer_proof_days
    return await tx.run(sql.PRUNE_PROOFS, timedelta(days=days), _PRUNE_LIMIT)
