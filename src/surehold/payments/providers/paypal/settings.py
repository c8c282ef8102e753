"""The settings of a PayPal account, and what to register there."""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic_settings import SettingsConfigDict

from surehold.config import Mode
from surehold.payments.providers.account import AccountConfig, AccountMode, ProviderSettings

#: Where each mode lives: keys of the one are nothing at the other.
URLS: Final = {
    AccountMode.TEST: "https://api-m.sandbox.paypal.com",
    AccountMode.LIVE: "https://api-m.paypal.com",
}

EVENTS: Final = (
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.ORDER.COMPLETED",
    "PAYMENT.AUTHORIZATION.CREATED",
    "PAYMENT.AUTHORIZATION.VOIDED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.UPDATED",
    "CUSTOMER.DISPUTE.RESOLVED",
)


class PayPalSettings(ProviderSettings):
    """``SUREHOLD_PAYPAL_…``. The public key is the client id; webhook secrets are webhook ids.

    ``certificates``: in PEM, those that sign webhooks. With them nothing is downloaded.
    """

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_PAYPAL_", env_file=".env", extra="ignore", frozen=True
    )
    default_url = URLS[AccountMode.TEST]
    # Nothing in a key says of which mode it is; the address that takes it does.
    key_prefixes = {AccountMode.TEST: ("",), AccountMode.LIVE: ("",)}  # noqa: RUF012 - as elsewhere

    certificates: str = ""

    def list_pinned(self) -> tuple[x509.Certificate, ...]:
        """The certificates that were given, without those of issuers, which sign no webhooks.

        Raises:
            ValueError: They cannot be read.
        """
        if not self.certificates:
            return ()
        found = x509.load_pem_x509_certificates(self.certificates.encode())
        return tuple(certificate for certificate in found if not _is_issuer(certificate))

    def list_faults(self, installation: Mode) -> list[str]:
        """As for every provider; and the client id must be there, and certificates be some."""
        faults = super().list_faults(installation)
        if not self.public_key:
            faults.append(f"{self.name_of('public_key')} is not set: it is the client id")
        if not self._has_keys():
            faults.append(
                f"{self.name_of('certificates')} is no certificate in PEM with an RSA key"
            )
        return faults

    def _has_keys(self) -> bool:
        """Whether every certificate that was given is one that can have signed a webhook."""
        try:
            keys = [certificate.public_key() for certificate in self.list_pinned()]
        except (ValueError, UnsupportedAlgorithm):
            return False
        is_none = bool(self.certificates) and not keys
        return not is_none and all(isinstance(key, rsa.RSAPublicKey) for key in keys)

    def show(self, mask: str) -> list[tuple[str, str]]:
        """As for every provider, and whether certificates were given."""
        return [*super().show(mask), ("certificates", "given" if self.certificates else "")]

    def to_account(self) -> AccountConfig:
        """The account at the address of its mode."""
        account = super().to_account()
        if self.base_url:
            return account
        return msgspec.structs.replace(account, base_url=URLS[self.mode])


def _is_issuer(certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return basic.value.ca
