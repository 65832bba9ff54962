"""The key pair that a Google Workspace trusts for sign-ins by SAML: made here, or brought along."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from meetfleet.domain.errors import InvalidRequest

KEY_BITS = 2048
LIFE = timedelta(days=3650)
_SKEW = timedelta(hours=1)
_COMMON_NAME_MAX_CHARS = 64


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    cert_pem: str
    private_key_pem: str = field(repr=False)


def generate_key_pair(domain: str, now: datetime) -> KeyPair:
    """A new RSA key and a self-signed certificate for it, good for ten years. Takes a tenth of a second or so."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain[:_COMMON_NAME_MAX_CHARS])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(certificate.public_bytes(Encoding.PEM).decode(), private.decode())


def check_key_pair(cert_pem: str, private_key_pem: str, now: datetime) -> KeyPair:
    """A pair that somebody brought, in plain form.

    Raises:
        InvalidRequest: `invalid_key_pair`; unreadable, expired, too weak, or not a pair. The message never repeats
            what was sent.
    """
    try:
        certificate = x509.load_pem_x509_certificate(cert_pem.encode())
    except ValueError:
        raise _bad("cert_pem is no X.509 certificate in PEM form.") from None
    try:
        key = load_pem_private_key(private_key_pem.encode(), password=None)
    except TypeError:
        raise _bad("private_key_pem is protected by a password; send it without.") from None
    except Exception:  # noqa: BLE001 - the library raises its own kinds for unusual keys; none may show the key
        raise _bad("private_key_pem is no private key in PEM form.") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < KEY_BITS:
        raise _bad(f"private_key_pem is no RSA key of {KEY_BITS} or more bits.")
    if _public(certificate.public_key()) != _public(key.public_key()):
        raise _bad("private_key_pem does not belong to cert_pem.")
    if certificate.not_valid_after_utc <= now:
        raise _bad(f"cert_pem expired on {certificate.not_valid_after_utc:%Y-%m-%d}.")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(certificate.public_bytes(Encoding.PEM).decode(), private.decode())


def _public(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _bad(text: str) -> InvalidRequest:
    return InvalidRequest(text, code="invalid_key_pair")
