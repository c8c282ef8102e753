"""The certificates of the fake PayPal: a root, one in between, and the one that signs webhooks.

Made anew in every process; nothing of them is written down.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME: Final = "messageverificationcerts.paypal.com"
_Issuer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class Signing(NamedTuple):
    """What signs webhooks, and whom it comes from."""

    key: rsa.RSAPrivateKey
    leaf: x509.Certificate
    between: x509.Certificate
    root: x509.Certificate

    @property
    def pem(self) -> bytes:
        """What PayPal shows at the address."""
        return b"".join(row.public_bytes(Encoding.PEM) for row in (self.leaf, self.between))


@lru_cache(maxsize=1)
def signing() -> Signing:
    """This process's own."""
    root_key, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    root = make("Fake Root", root_key, None, is_issuer=True)
    between = make("Fake Between", key, (root, root_key), is_issuer=True)
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Signing(signer, make(NAME, signer, (between, key)), between, root)


def make(
    name: str,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    issuer: _Issuer | None,
    *,
    is_issuer: bool = False,
    days: tuple[int, int] = (-1, 3650),
) -> x509.Certificate:
    """A certificate that is good between these days from now."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above, signer = (None, key) if issuer is None else issuer
    now = datetime.now(UTC)
    public = signer.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if above is None else above.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(_usage(is_issuer=is_issuer), critical=True)
    )
    if not is_issuer:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(*, is_issuer: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_issuer,
        key_cert_sign=is_issuer,
        crl_sign=is_issuer,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
