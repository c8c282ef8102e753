"""Proof of PayPal's webhooks: a signature, by a certificate that PayPal shows at its own address.

Signed is ``transmission id|transmission time|webhook id|CRC-32 of the body``. The webhook id is
the number of our own subscription, so a message to somebody else proves nothing here. A CRC-32 is
no secret: whoever has one genuine message can find another body with the same number. What a
webhook says is a hint in any case; PayPal's answer decides.

The message names the address of its certificate. An address that is not PayPal's is never asked.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import ssl
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import httpx2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from surehold.kernel import clock
from surehold.payments.providers.account import WebhookSecret
from surehold.payments.providers.failures import (
    ProviderFailure,
    WebhookRefused,
)
from surehold.payments.providers.http import ProviderHttp
from surehold.payments.providers.signatures import get_header

ID_HEADER: Final = "paypal-transmission-id"
TIME_HEADER: Final = "paypal-transmission-time"
SIGNATURE_HEADER: Final = "paypal-transmission-sig"
ADDRESS_HEADER: Final = "paypal-cert-url"
ALGORITHM_HEADER: Final = "paypal-auth-algo"

ALGORITHM: Final = "SHA256withRSA"
#: Certificates that are kept. PayPal uses one, and another for some weeks of the year.
KEPT_MAX: Final = 8
#: Messages that may wait for a certificate at the same time; PayPal sends the others again.
WAITING_MAX: Final = 8

# One grammar and no second reader of it: no user, port, query, fragment, dot or backslash games.
_PATH: Final = r"(/(?:[A-Za-z0-9_-]+/){0,6}[A-Za-z0-9_-]{1,120})"
_ADDRESS: Final = re.compile(r"(https://(?:[a-z0-9-]{1,63}\.){1,4}paypal\.com)" + _PATH)
_DOMAIN: Final = ".paypal.com"
_WORD: Final = re.compile(r"[\x21-\x7b\x7d-\x7e]{1,128}")
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{1,1022}={0,2}")


class Certificates:
    """The certificates of one account: those that it was given, or those that PayPal shows.

    ``roots``: whom a shown certificate must come from; ``None``: whoever this machine trusts.
    """

    def __init__(
        self,
        base_url: str,
        *,
        pinned: Sequence[x509.Certificate],
        roots: Sequence[x509.Certificate] | None,
        client: httpx2.AsyncClient,
    ) -> None:
        self._pinned = tuple(pinned)
        self._roots = roots
        self._client = client
        # A fake on loopback shows its own; there is no other exception.
        here = re.escape(base_url) if base_url.startswith("http://") else r"(?!)"
        self._here = re.compile(f"({here})" + _PATH)
        self._known: dict[str, x509.Certificate] = {}
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def load(self, headers: Mapping[str, str]) -> None:
        """Have the certificate of a message at hand.

        Raises:
            WebhookRefused: It is not PayPal's, or cannot be had now: PayPal sends it again.
        """
        if self._pinned:
            return
        address = get_header(headers, ADDRESS_HEADER)
        origin, path = self._split(address)
        if address in self._known:
            return
        if self._waiting >= WAITING_MAX:
            raise WebhookRefused("too many certificates are asked for")
        self._waiting += 1
        try:
            async with self._lock:
                if address not in self._known:
                    self._keep(address, await self._fetch(origin, path))
        finally:
            self._waiting -= 1

    def check(
        self,
        raw_body: bytes,
        headers: Mapping[str, str],
        webhook_ids: Iterable[WebhookSecret],
        *,
        received_at: int,
    ) -> None:
        """Verify a message against every certificate and webhook id that count.

        Raises:
            WebhookRefused: The proof does not hold, or its certificate is not at hand.
        """
        if get_header(headers, ALGORITHM_HEADER) != ALGORITHM:
            raise WebhookRefused("signed in another way")
        words = [get_header(headers, name) for name in (ID_HEADER, TIME_HEADER)]
        if not all(_WORD.fullmatch(word) for word in words):
            raise WebhookRefused("signature malformed")
        signature = _decode(get_header(headers, SIGNATURE_HEADER))
        head, crc = "|".join(words), zlib.crc32(raw_body)
        keys = self._list_keys(get_header(headers, ADDRESS_HEADER), received_at=received_at)
        for webhook_id in webhook_ids:
            signed = f"{head}|{webhook_id.value.get_secret_value()}|{crc}".encode()
            if any(_is_signed(key, signature, signed) for key in keys):
                return
        raise WebhookRefused("signature does not match")

    def _list_keys(self, address: str, *, received_at: int) -> list[rsa.RSAPublicKey]:
        if self._pinned:
            certificates = self._pinned
        else:
            self._split(address)
            known = self._known.get(address)
            certificates = () if known is None else (known,)
        at = datetime.fromtimestamp(received_at, UTC)
        keys = [
            certificate.public_key()
            for certificate in certificates
            if certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
        ]
        found = [key for key in keys if isinstance(key, rsa.RSAPublicKey)]
        if not found:
            raise WebhookRefused("no certificate at hand")
        return found

    def _split(self, address: str) -> tuple[str, str]:
        found = _ADDRESS.fullmatch(address) or self._here.fullmatch(address)
        if found is None:
            raise WebhookRefused("the certificate is not at PayPal's address")
        return found[1], found[2]

    async def _fetch(self, origin: str, path: str) -> x509.Certificate:
        try:
            # Without our token: it is nobody's business there.
            answer = await ProviderHttp(origin, {}, client=self._client).read(path)
        except ProviderFailure as failure:
            raise WebhookRefused("the certificate cannot be had now") from failure
        if not answer.is_success:
            raise WebhookRefused("the certificate cannot be had now")
        try:
            chain = x509.load_pem_x509_certificates(answer.body)
        except ValueError as error:
            raise WebhookRefused("the certificate cannot be read") from error
        roots = _list_roots() if self._roots is None else self._roots
        return check_chain(chain, roots, at=clock.now())

    def _keep(self, address: str, certificate: x509.Certificate) -> None:
        while len(self._known) >= KEPT_MAX:
            del self._known[next(iter(self._known))]
        self._known[address] = certificate


def check_chain(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], *, at: datetime
) -> x509.Certificate:
    """The first of a chain, if it is PayPal's, in date, and comes from somebody trusted.

    Raises:
        WebhookRefused: It is not.
    """
    leaf, *between = chain
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        own = [
            name
            for name in names.get_values_for_type(x509.DNSName)
            if name.lower().endswith(_DOMAIN) and "*" not in name
        ]
        if not own:
            raise WebhookRefused("the certificate is not PayPal's")
        policy = PolicyBuilder().store(Store(list(roots))).time(at)
        policy.build_server_verifier(x509.DNSName(own[0])).verify(leaf, between)
    except (
        VerificationError,
        ValueError,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
    ) as error:
        raise WebhookRefused("the certificate comes from nobody trusted") from error
    return leaf


@lru_cache(maxsize=1)
def _list_roots() -> tuple[x509.Certificate, ...]:
    """Whom this machine trusts; what cannot be read of that is left out."""
    found = []
    for der in ssl.create_default_context().get_ca_certs(binary_form=True):
        try:
            found.append(x509.load_der_x509_certificate(der))
        except ValueError:
            continue
    return tuple(found)


def _decode(text: str) -> bytes:
    """The bytes of a signature; only in the one form that its bytes have."""
    if _SIGNATURE.fullmatch(text) is None:
        raise WebhookRefused("signature malformed")
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise WebhookRefused("signature malformed") from error
    if base64.b64encode(found).decode() != text:
        raise WebhookRefused("signature malformed")
    return found


def _is_signed(key: rsa.RSAPublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
