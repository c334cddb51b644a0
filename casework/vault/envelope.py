"""The envelope: `v1 ‖ key id (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`, AES-256-GCM.

The key id is looked up and compared, never tried: GCM does not commit to its key. What the envelope is bound to (table,
column, row, case, revision) comes as labels, each with its length before it, so that no two lists of labels read alike.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"v1"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
TAG_BYTES = 16
SMALLEST = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES


class BrokenEnvelope(Exception):
    """The bytes are no envelope of this key and these labels. Carries nothing: the caller names the place."""


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def key_id(key: bytes) -> bytes:
    """Eight bytes that name a random 256-bit key and say nothing else about it."""
    return hashlib.sha256(b"casework key id v1" + key).digest()[:KEY_ID_BYTES]


def bind(labels: Iterable[bytes]) -> bytes:
    """Associated data: every label after its length (4 bytes), so it cannot be split another way."""
    return b"".join(len(label).to_bytes(4, "big") + label for label in labels)


def close(key: bytes, labels: Iterable[bytes], plain: bytes) -> bytes:
    """Envelope of `plain` under `key`, bound to `labels` and to the key's own id."""
    name = key_id(key)
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + name + nonce + AESGCM(key).encrypt(nonce, plain, bind((VERSION, name, *labels)))


def unclose(key: bytes, labels: Iterable[bytes], envelope: bytes) -> bytes:
    """The plain bytes. Raises BrokenEnvelope for another key, other labels, or any changed, missing or extra bit."""
    name, nonce_at = key_id(key), len(VERSION) + KEY_ID_BYTES
    if len(envelope) < SMALLEST or envelope[:nonce_at] != VERSION + name:
        raise BrokenEnvelope
    nonce, body = envelope[nonce_at : nonce_at + NONCE_BYTES], envelope[nonce_at + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, bind((VERSION, name, *labels)))
    except InvalidTag:
        raise BrokenEnvelope from None
