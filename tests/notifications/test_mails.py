"""A fact becomes one mail, sent until it was, and the secret in it is gone with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from surehold.db import Database
from surehold.identity import commands
from surehold.jobs import outbox
from surehold.kernel.ids import new_id
from surehold.notifications.commands import deliver, take_fact
from surehold.notifications.mailers import (
    ConsoleMailer,
    MailNotTaken,
    MailSettingsFault,
    SmtpMailer,
    mailer_of,
)
from surehold.notifications.model import Mail
from tests.builders.accounts import HOME, PASSWORD, Post, an_identity
from tests.support import clock
from tests.support.api import a_config

SENDER = "Northline <hello@northline.example>"


async def states(db: Database) -> list[tuple[str, int]]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT state, attempts FROM mails ORDER BY id")
    return [(row["state"], row["attempts"]) for row in rows]


async def secrets_left(db: Database) -> int:
    async with db.connection() as connection:
        found: int = await connection.raw.fetchval(
            "SELECT count(*) FROM account_letters WHERE sealed_token IS NOT NULL"
        )
    return found


@pytest.fixture
async def post(db: Database) -> Post:
    """Somebody has asked for an account, and the letter waits."""
    await commands.register(
        an_identity(db), email="mara@example.com", password=PASSWORD, name="<b>Mara", place=HOME
    )
    return Post(db)


async def test_a_mail_that_is_not_taken_is_tried_again_with_pauses(post: Post) -> None:
    db = post.notifications.db
    post.box.refusals = [MailNotTaken("answered 451", is_permanent=False)] * 2
    found = [await post.fetch()]
    before = await states(db), await secrets_left(db)
    for minutes in (1, 3, 8):
        await clock.shift(db, timedelta(minutes=minutes))
        found.append(await post.fetch())

    assert [len(mails) for mails in found] == [0, 0, 0, 1]
    assert before == ([("waiting", 1)], 1)
    assert await states(db) == [("sent", 3)]
    assert await secrets_left(db) == 0


async def test_a_mail_that_is_refused_for_good_is_given_up_with_its_secret(post: Post) -> None:
    post.box.refusals = [MailNotTaken("the address was refused: [550]", is_permanent=True)]

    assert await post.fetch() == []

    assert await states(post.notifications.db) == [("failed", 1)]
    assert await secrets_left(post.notifications.db) == 0


async def test_a_fact_that_is_told_twice_is_one_mail(post: Post) -> None:
    told: list[outbox.Event] = []

    async def hear(event: outbox.Event) -> None:
        told.append(event)
        await take_fact(post.notifications, event)
        await take_fact(post.notifications, event)

    await outbox.publish(post.notifications.db, subscribers=(hear,))
    await deliver(post.notifications)

    assert len(told) == len(post.box.mails) == 1
    assert set(told[0].payload) == set()


async def test_two_workers_send_a_mail_once(post: Post) -> None:
    async def hear(event: outbox.Event) -> None:
        await take_fact(post.notifications, event)

    await outbox.publish(post.notifications.db, subscribers=(hear,))
    taken = await asyncio.gather(*(deliver(post.notifications) for _ in range(4)))

    assert sorted(taken) == [0, 0, 0, 1]
    assert len(post.box.mails) == 1


async def test_a_letter_that_opens_nothing_any_more_is_not_sent(post: Post) -> None:
    await clock.shift(post.notifications.db, timedelta(hours=25))

    assert await post.fetch() == []
    assert await states(post.notifications.db) == [("dropped", 1)]


async def test_a_mail_says_the_same_as_text_and_as_html(post: Post) -> None:
    (mail,) = await post.fetch()

    assert mail.subject == "Confirm your account at Northline"
    assert mail.text.startswith("Hello <b>Mara,\n\nSomebody, we hope it was you,")
    assert "\nhttp://shop.test/account/confirm?token=" in mail.text
    assert "Hello &lt;b&gt;Mara," in mail.html
    assert "<b>Mara" not in mail.html
    assert mail.html.count("http://shop.test/account/confirm?token=") == 2
    assert "<img" not in mail.html


async def test_the_console_keeps_the_words_in_a_file_and_out_of_the_log(tmp_path: Path) -> None:
    mail = Mail(new_id(), "magic_link", "mara@example.com", "Hi", "the-secret", "<p>the-secret")

    with capture_logs() as lines:
        await ConsoleMailer(tmp_path / "mails", sender=SENDER).send(mail)

    (file,) = (tmp_path / "mails").iterdir()
    message = read(file.read_bytes())
    assert file.stat().st_mode & 0o777 == 0o600
    assert (message["To"], message["Subject"]) == ("mara@example.com", "Hi")
    assert "the-secret" in file.read_text()
    assert "the-secret" not in repr(lines)
    assert "mara@example.com" not in repr(lines)


@asynccontextmanager
async def a_server(answers: dict[str, str]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A mail server that answers commands as told, and keeps what it takes."""
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            verb = line.split()[0].decode().upper()
            said = answers.get(verb, "250 fine")
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                taken.append(await reader.readuntil(b"\r\n.\r\n"))
                said = answers.get("END", "250 taken")
            writer.write(f"{said}\r\n".encode())
            if verb == "QUIT":
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], taken


async def test_smtp_takes_a_mail(db: Database) -> None:
    mail = Mail(new_id(), "x", "mara@example.com", "Größe", "text ü\n", "<p>ü")

    async with a_server({}) as (port, taken):
        await SmtpMailer(f"smtp://127.0.0.1:{port}", sender=SENDER).send(mail)

    message = read(taken[0].removesuffix(b".\r\n"))
    assert message["Message-ID"] == f"<{mail.id}@northline.example>"
    assert message["Subject"] == "Größe"
    assert message["From"] == SENDER
    text, html = message.iter_parts()
    assert text.get_content() == "text ü\n"
    assert html.get_content_type() == "text/html"


@pytest.mark.parametrize(
    ("answers", "is_permanent"),
    [
        ({"RCPT": "550 no such user"}, True),
        ({"RCPT": "451 later"}, False),
        ({"MAIL": "550 not from you"}, False),
        ({"END": "554 spam"}, True),
        ({"END": "451 later"}, False),
    ],
)
async def test_what_smtp_refuses_is_final_or_not(
    answers: dict[str, str], *, is_permanent: bool
) -> None:
    mail = Mail(new_id(), "x", "mara@example.com", "Hi", "text", "<p>")

    async with a_server(answers) as (port, _):
        with pytest.raises(MailNotTaken) as refused:
            await SmtpMailer(f"smtp://127.0.0.1:{port}", sender=SENDER).send(mail)

    assert refused.value.is_permanent is is_permanent
    assert "mara" not in str(refused.value)


async def test_a_server_that_is_not_there_is_tried_again(db: Database) -> None:
    async with a_server({}) as (port, _):
        pass
    mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", sender=SENDER)
    mail = Mail(new_id(), "x", "mara@example.com", "Hi", "text", "<p>")

    with pytest.raises(MailNotTaken) as refused:
        await mailer.send(mail)
    async with db.transaction():
        with pytest.raises(RuntimeError, match="outside of any transaction"):
            await mailer.send(mail)

    assert refused.value.is_permanent is False


def test_the_settings_name_the_way(tmp_path: Path) -> None:
    assert isinstance(mailer_of(a_config(data_dir=tmp_path)), ConsoleMailer)
    assert isinstance(mailer_of(a_config(mail_url="smtps://u:p@mail.test")), SmtpMailer)
    with pytest.raises(MailSettingsFault):
        mailer_of(a_config(mail_url="http://mail.test"))


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message
