"""Telling people: a fact becomes a mail, a mail is sent until it was.

intend   ``take_fact``: the mail is a row, one per fact
ask      ``deliver``: taken for a while, put into words, handed over; no transaction is open
record   sent, dropped, failed, or left for later
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import structlog

from surehold.cart import commands as carts
from surehold.cart import queries as cart_queries
from surehold.cart.events import BACK_IN_STOCK
from surehold.identity import commands as identities
from surehold.identity import queries as identity_queries
from surehold.identity.events import LETTER_WRITTEN
from surehold.identity.model import LetterKind
from surehold.jobs.outbox import Event
from surehold.kernel.ids import LetterId, new_id
from surehold.notifications import sql
from surehold.notifications.engine import Notifications
from surehold.notifications.mailers import MailNotTaken
from surehold.notifications.model import DueMail, Mail, MailState
from surehold.notifications.words import write_mail

log = structlog.get_logger(__name__)

#: Facts that somebody is told of by mail.
TOPICS: Final = frozenset({LETTER_WRITTEN, BACK_IN_STOCK})
#: Where the link leads that ends letters about stock, and what it is signed for.
STOP_PATH: Final = "/alerts/stop"
STOP_ALERTS: Final = "stop-alerts"
#: The last of these is more than a day after the first.
ATTEMPTS_MAX: Final = 9
BATCH: Final = 5
_PRUNED: Final = 1_000

#: Where the link of a letter leads, on the shop's own site.
PATHS: Final = {
    LetterKind.CONFIRM_REGISTRATION: "/account/confirm",
    LetterKind.RESET_PASSWORD: "/account/reset",
    LetterKind.MAGIC_LINK: "/account/sign-in",
    LetterKind.CONFIRM_EMAIL: "/account/confirm-email",
}


async def take_fact(notifications: Notifications, event: Event) -> None:
    """Put down that somebody is to be told of a fact. A second time changes nothing."""
    if event.topic not in TOPICS:
        return
    async with notifications.db.connection() as connection:
        await connection.run(sql.INSERT, new_id(), event.topic, event.subject_id)


async def deliver(notifications: Notifications) -> int:
    """Send the mails whose turn it is; returns how many were taken up.

    Any number of workers may do so at once. One that dies between handing over and putting that
    down leaves a mail that is sent twice, under the same Message-ID; none is lost.
    """
    async with notifications.db.transaction() as tx:
        due = await tx.all(sql.CLAIM, BATCH)
    for mail in due:
        await _send(notifications, mail)
    return len(due)


async def prune_mails(notifications: Notifications) -> int:
    """Forget mails that were sent, or given up, a month ago; returns how many."""
    async with notifications.db.connection() as connection:
        return await connection.run(sql.PRUNE, _PRUNED)


async def _send(notifications: Notifications, due: DueMail) -> None:
    mail = await _compose(notifications, due)
    if mail is None:
        await _end(notifications, due, MailState.DROPPED)
        return
    try:
        await notifications.mailer.send(mail)
    except MailNotTaken as error:
        log.warning("mail_not_taken", mail=str(due.id), reason=str(error), attempt=due.attempts)
        if error.is_permanent or due.attempts >= ATTEMPTS_MAX:
            await _end(notifications, due, MailState.FAILED, reason=str(error))
            return
        async with notifications.db.connection() as connection:
            await connection.run(sql.NOTE_FAILURE, due.id, str(error))
        return
    await _end(notifications, due, MailState.SENT)


async def _compose(notifications: Notifications, due: DueMail) -> Mail | None:
    """What it says now; ``None`` when there is nothing to say."""
    if due.topic == BACK_IN_STOCK:
        return await _compose_alert(notifications, due)
    return await _compose_letter(notifications, due)


async def _compose_alert(notifications: Notifications, due: DueMail) -> Mail | None:
    async with notifications.db.connection() as connection:
        alert = await cart_queries.find_alert(connection, alert_id=due.subject_id)
    if alert is None:
        return None
    base, token = notifications.base_url, notifications.links.make(STOP_ALERTS, alert.email_hash)
    return write_mail(
        due.id,
        "back_in_stock",
        to=alert.email,
        address=f"{base}/p/{quote(alert.slug, safe='')}?variant={quote(alert.sku, safe='')}",
        name="",
        language=alert.language,
        store=notifications.store_name,
        product=", ".join([alert.name, *alert.options]),
        stop_address=f"{base}{STOP_PATH}?token={token}",
    )


async def _compose_letter(notifications: Notifications, due: DueMail) -> Mail | None:
    async with notifications.db.connection() as connection:
        letter = await identity_queries.find_letter(
            connection, notifications.identity, letter_id=LetterId(due.subject_id)
        )
    if letter is None:
        return None
    address = None
    if letter.token is not None:
        path = PATHS[letter.kind]
        address = f"{notifications.base_url}{path}?token={quote(letter.token, safe='')}"
    return write_mail(
        due.id,
        letter.kind.value,
        to=letter.email,
        address=address,
        name=letter.name,
        language=letter.language,
        store=notifications.store_name,
        new_email=letter.new_email or "",
    )


async def _end(
    notifications: Notifications, due: DueMail, state: MailState, *, reason: str | None = None
) -> None:
    """Nothing more is done about it, and the secret in it is kept no longer."""
    if due.topic == BACK_IN_STOCK:
        await carts.forget_alert(notifications.db, alert_id=due.subject_id)
    else:
        await identities.forget_token(notifications.db, letter_id=LetterId(due.subject_id))
    async with notifications.db.connection() as connection:
        await connection.run(sql.END, due.id, state.value, reason)
