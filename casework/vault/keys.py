"""The key file and what is derived from it. Whoever holds it and the database can read everything; either alone cannot.

The file is JSON: `{"version": 1, "active": ID, "keks": {ID: KEY, …}, "root": KEY, "signing": KEY}`; a KEY is 32 random
bytes in base64, an ID 16 hex digits. Wrapping keys that are no longer active stay until every scope is rewrapped.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from casework.errors import KeyMissing, UnsafeStart
from casework.vault.envelope import KEY_BYTES, close, new_key, unclose

FORMAT = 1
LEAST_VARIETY = 12  # 32 random bytes never hold so few different values: fewer is a placeholder typed by hand


class Keys:
    """Key material of one office, read once at the start. Its repr names only the public fingerprint."""

    __slots__ = ("_active", "_keks", "_root", "_signing")

    def __init__(self, active: str, keks: Mapping[str, bytes], root: bytes, signing: bytes) -> None:
        self._active = active
        self._keks = dict(keks)
        self._root = root
        self._signing = Ed25519PrivateKey.from_private_bytes(signing)

    def __repr__(self) -> str:
        return f"Keys({self.fingerprint})"

    @property
    def active_kek_id(self) -> str:
        return self._active

    @property
    def kek_ids(self) -> tuple[str, ...]:
        return tuple(self._keks)

    @property
    def public_key_hex(self) -> str:
        """The Ed25519 public key that proves the audit trail's checkpoints, 64 hex digits."""
        return self._signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the signing key."""
        return hashlib.sha256(bytes.fromhex(self.public_key_hex)).hexdigest()[:16]

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose only (HKDF-SHA256 of the root, the purpose being the label)."""
        info = b"casework/v1/" + purpose.encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._root)

    def digest(self, purpose: str, text: str) -> bytes:
        """HMAC-SHA256 (32 bytes) of `text` under the purpose's key: for search digests and for hashes of tokens."""
        return hmac.digest(self.derive(f"digest/{purpose}"), text.encode(), "sha256")

    def sign(self, data: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        return self._signing.sign(data)

    def verify(self, data: bytes, signature: bytes) -> bool:
        try:
            self._signing.public_key().verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def wrap(self, scope_id: UUID, key: bytes) -> tuple[str, bytes]:
        """(id of the active wrapping key, `key` wrapped and bound to its scope)."""
        return self._active, close(self._keks[self._active], _wrap_labels(scope_id, self._active), key)

    def unwrap(self, scope_id: UUID, kek_id: str, wrapped: bytes) -> bytes:
        """Raises KeyMissing if the key file has no such wrapping key, BrokenEnvelope if the wrapped key was touched."""
        if kek_id not in self._keks:
            raise KeyMissing(f"wrapping key {kek_id} is not in the key file")
        return unclose(self._keks[kek_id], _wrap_labels(scope_id, kek_id), wrapped)


def _wrap_labels(scope_id: UUID, kek_id: str) -> tuple[bytes, ...]:
    return (b"scope key", scope_id.bytes, kek_id.encode())


def create_key_file(path: Path) -> Keys:
    """Makes the folder (0700) and the file (0600), on disk when this returns. Never overwrites: raises UnsafeStart."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_folder(path.parent)
    kek_id = secrets.token_hex(8)
    content = {
        "version": FORMAT,
        "active": kek_id,
        "keks": {kek_id: _encode(new_key())},
        "root": _encode(new_key()),
        "signing": _encode(new_key()),
    }
    _write_new(path, json.dumps(content, indent=1).encode() + b"\n")
    return load_key_file(path)


def load_key_file(path: Path) -> Keys:
    """Raises UnsafeStart, one line with the path and never a key, unless the file is private, whole and real."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnsafeStart(f"key file {path} is missing") from None
    except OSError as error:
        what = "is a symbolic link" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise UnsafeStart(f"key file {path} {what}") from None
    try:
        _check_private(os.fstat(descriptor), path)
        _check_folder(path.parent)
        with open(descriptor, "rb", closefd=False) as file:
            return _parse(path, file.read())
    finally:
        os.close(descriptor)


def _check_private(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeStart(f"key file {path} is not a plain file")
    if status.st_uid != os.geteuid():
        raise UnsafeStart(f"key file {path} belongs to another user")
    if stat.S_IMODE(status.st_mode) & ~0o600:
        raise UnsafeStart(f"key file {path} is open wider than 0600: chmod 600 it")


def _check_folder(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise UnsafeStart(f"folder {folder} of the key file belongs to another user")
    if stat.S_IMODE(status.st_mode) & ~0o700:
        raise UnsafeStart(f"folder {folder} of the key file is open wider than 0700: give the keys their own")


def _parse(path: Path, raw: bytes) -> Keys:
    try:
        content = json.loads(raw)
        version, active, sealed_keks = content["version"], content["active"], content["keks"]
        keks = {_kek_id(name): _decode(value) for name, value in sealed_keks.items()}
        root, signing = _decode(content["root"]), _decode(content["signing"])
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        # The cause is dropped: a JSON error may quote the text it stumbled over.
        raise UnsafeStart(f"key file {path} is cut short, a placeholder or not a key file") from None
    if version != FORMAT or active not in keks:
        raise UnsafeStart(f"key file {path} is of another version or lacks its active key")
    material = [*keks.values(), root, signing]
    if len(set(material)) != len(material) or any(len(set(key)) < LEAST_VARIETY for key in material):
        raise UnsafeStart(f"key file {path} holds a placeholder or the same key twice")
    return Keys(active, keks, root, signing)


def _kek_id(name: str) -> str:
    if len(bytes.fromhex(name)) != 8:
        raise ValueError
    return name


def _encode(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decode(value: Any) -> bytes:
    key = base64.b64decode(value, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _write_new(path: Path, content: bytes) -> None:
    # Written aside and linked into place: a second process starting at the same moment never reads half a file.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        raise UnsafeStart(f"key file {path} exists already and is not overwritten") from None
    finally:
        aside.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
