"""The key pair by which browsers' push services know this office (VAPID, RFC 8292): made from the office's own root."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from casework.vault.keys import Keys

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186-4, D.1.2.3)
PURPOSES = ("web-push", "web-push-2")  # 512 bits, so that taking the remainder favours no number


@dataclass(frozen=True)
class Vapid:
    """Both in base64url without padding: 32 bytes, and 65 bytes of an uncompressed point. The first is secret."""

    private: str = field(repr=False)
    public: str


def vapid_of(keys: Keys) -> Vapid:
    """The office's pair: the same at every start, so that what browsers have allowed stays allowed."""
    seed = b"".join(keys.derive(purpose) for purpose in PURPOSES)
    number = int.from_bytes(seed, "big") % (ORDER - 1) + 1
    point = derive_private_key(number, SECP256R1()).public_key()
    public = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Vapid(private=_text(number.to_bytes(32, "big")), public=_text(public))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
