"""How mails leave: the port, and its two ways. A way says whether trying again may help."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from surehold.config import Config
from surehold.db import is_transaction_open
from surehold.kernel import clock
from surehold.notifications.model import Mail

log = structlog.get_logger(__name__)

CALL_SECONDS: Final = 20
_PORTS: Final = {"smtp": 587, "smtps": 465}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


class MailNotTaken(Exception):
    """The other side did not take it. ``is_permanent``: nor will it ever."""

    def __init__(self, reason: str, *, is_permanent: bool) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


class MailSettingsFault(ValueError):
    """The address of the mail server cannot be used."""


class Mailer(Protocol):
    """One way in which mails leave."""

    async def send(self, mail: Mail) -> None:
        """Hand a mail over. It may be handed over again: its Message-ID stays the same.

        Raises:
            MailNotTaken: It was not taken.
        """


class ConsoleMailer:
    """Says in the log that there is a mail, and keeps it in a folder where one is set.

    The log never has the words: they may hold a link that opens an account.
    """

    def __init__(self, folder: Path | None, *, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Keep it."""
        path = None
        if self._folder is not None:
            path = await asyncio.to_thread(self._keep, self._folder, mail)
        log.info("mail_written", kind=mail.kind, mail=str(mail.id), file=str(path or "none"))

    def _keep(self, folder: Path, mail: Mail) -> Path:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{mail.id}-{_UNSAFE.sub('_', mail.kind)}.eml"
        # Whoever reads it can use its link: nobody else on this machine may.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message_of(mail, sender=self._sender).as_bytes())
        return path


class SmtpMailer:
    """Hands mails to a server: STARTTLS with ``smtp://``, TLS from the start with ``smtps://``.

    A server on this machine may go without either; any other must offer it.
    """

    def __init__(self, url: str, *, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or parts.hostname is None:
            raise MailSettingsFault("SUREHOLD_MAIL_URL is smtp://… or smtps://…")
        self._sender = sender
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._is_tls = parts.scheme == "smtps"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        is_local = self._host in {"localhost", "127.0.0.1", "::1"}
        self._needs_starttls = None if is_local else not self._is_tls

    async def send(self, mail: Mail) -> None:
        """Hand it over within ``CALL_SECONDS``."""
        if is_transaction_open():
            raise RuntimeError("a mail is sent outside of any transaction")
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await aiosmtplib.send(
                    message_of(mail, sender=self._sender),
                    hostname=self._host,
                    port=self._port,
                    username=self._user,
                    password=self._password,
                    use_tls=self._is_tls,
                    start_tls=self._needs_starttls,
                    timeout=CALL_SECONDS,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise MailNotTaken(
                f"the address was refused: {codes}", is_permanent=_are_final(codes)
            ) from None
        except aiosmtplib.SMTPSenderRefused as error:
            # Our own address or quota: a person must look, and the mail waits for it.
            raise MailNotTaken(f"we were refused: {error.code}", is_permanent=False) from None
        except aiosmtplib.SMTPResponseException as error:
            is_final = isinstance(error, aiosmtplib.SMTPDataError) and _are_final([error.code])
            raise MailNotTaken(f"answered {error.code}", is_permanent=is_final) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailNotTaken(type(error).__name__, is_permanent=False) from None


def mailer_of(config: Config) -> Mailer:
    """The way that the settings name.

    Raises:
        MailSettingsFault: The address of the mail server cannot be used.
    """
    if config.mail_url is not None:
        return SmtpMailer(config.mail_url.get_secret_value(), sender=config.mail_from)
    folder = config.mail_dir
    if folder is None and config.data_dir is not None:
        folder = config.data_dir / "mails"
    return ConsoleMailer(folder, sender=config.mail_from)


def message_of(mail: Mail, *, sender: str) -> EmailMessage:
    """The mail as it goes over the wire: text first, HTML beside it."""
    is_plain = (mail.to + sender).isascii()
    message = EmailMessage(policy=SMTP if is_plain else SMTPUTF8)
    name, address = parseaddr(sender)
    message["From"] = Address(display_name=name, addr_spec=address)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Message-ID"] = f"<{mail.id}@{address.rpartition('@')[2] or 'localhost'}>"
    message["Date"] = clock.now()
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _are_final(codes: Sequence[int]) -> bool:
    return bool(codes) and all(500 <= code < 600 for code in codes)
