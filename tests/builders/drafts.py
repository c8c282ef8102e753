"""Draft orders for tests, made by the commands that staff use."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from surehold.kernel.ids import VariantId
from surehold.orders.drafts import commands
from surehold.orders.drafts.commands import Sent
from surehold.orders.drafts.model import Draft, DraftContent, DraftLine
from tests.support.placing import ADDRESS


async def a_draft(db: Database, *lines: tuple[VariantId, int], **facts: Any) -> Draft:
    """A draft of these units, for a buyer whose address is known unless said otherwise."""
    given: dict[str, Any] = {
        "currency": "EUR",
        "lines": tuple(DraftLine(*line) for line in lines),
        "email": "mara@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        **facts,
    }
    return await commands.create_draft(db, content=DraftContent(**given), actor="test")


async def a_sent_draft(db: Database, *lines: tuple[VariantId, int], **facts: Any) -> Sent:
    """The same with its payment link."""
    draft = await a_draft(db, *lines, **facts)
    return await commands.send_draft(db, draft_id=draft.id, actor="test")
