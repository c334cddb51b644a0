"""Pure decisions about papers: what a version is, which series a number is of, who signs, what has to be weighed first."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import Any

from casework.cases.rules import Facts, fact
from casework.errors import Invalid
from casework.law.model import Law
from casework.law.papers import PaperKind
from casework.papers.content import PaperContent
from casework.papers.layout import sheet_of

HASH_PRINTED = 16  # hex digits in the foot of a paper
HASH_TYPED = 8  # of them, that a person copies from the signed copy
FILE_INDEX = "file-index"
COST_ESTIMATE = "cost-estimate"
RECEIVER = "receiver"  # the signer of Mẫu 01: whoever took the report
HOTLINE_ABBREVIATION = "TĐ111"  # [D]
CHAIR_SIGNS = ("chair", "chair-alone", "presiding")  # signers of papers.toml
# 28.5 sends plan and decision, 32 the orders of a separation, to the parents or carer. 27.1 h excepts who causes the harm.
SENT_TO_CARERS = ("04", COST_ESTIMATE, "05", "07", "extend-separation", "cancel-separation")
PRINT_AN_ADDRESS = ("07", "extend-separation")  # article 2 of the order names where the child is taken in
ISSUERS = ("worker", "chair")

_KINDS_OF_COMMUNE = re.compile(r"^(xã|phường|đặc khu|thị trấn)\s+", re.IGNORECASE)
_NOT_DECIDED = ("version_hash", "form")  # the hash itself; the form is named by the kind and its edition


def printed_of(content: PaperContent) -> dict[str, Any]:
    """The content as JSON, without what is not decided by it; `content_of` is the inverse."""
    kept = {one.name: getattr(content, one.name) for one in fields(content) if one.name not in _NOT_DECIDED}
    return kept | {
        "day": content.day.isoformat() if content.day else None,
        "grounds": list(content.grounds),
        "recipients": list(content.recipients),
    }


def content_of(printed: Mapping[str, Any], law: Law, version_hash: str = "") -> PaperContent:
    """The content a version was printed from, under the edition it was printed under."""
    form = law.papers[printed["kind"]].form
    return PaperContent(
        **{
            **printed,
            "form": law.forms[form] if form else None,
            "day": date.fromisoformat(printed["day"]) if printed["day"] else None,
            "grounds": tuple(printed["grounds"]),
            "recipients": tuple(printed["recipients"]),
            "version_hash": version_hash[:HASH_PRINTED],
        }
    )


def hash_of(content: PaperContent, law: Law) -> str:
    """SHA-256, 64 hex digits, over all that is printed: the answers and the edition's own wording around them.

    Canonical JSON: keys sorted, no blanks, composed letters (NFC), UTF-8. The hash's own place in the foot is left empty.
    """
    blank = content_of(printed_of(content), law)
    said = json.dumps(
        {"content": printed_of(blank), "sheet": asdict(sheet_of(blank, law))},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.sha256(unicodedata.normalize("NFC", said).encode()).hexdigest()


def typed_hash(text: str, *, field: str) -> str:
    """What a person copied from a paper's foot, blanks and capitals aside. Raises Invalid with hash-short."""
    typed = re.sub(r"[\s.\-]", "", text).lower()
    if not re.fullmatch(rf"[0-9a-f]{{{HASH_TYPED},64}}", typed):
        raise Invalid({field: "hash-short"})
    return typed


def series_of(kind: PaperKind) -> str | None:
    """Whose yearly row a kind's number is of: "QĐ-UBND". None for a paper that carries no number."""
    return kind.numbered(0).partition("/")[2] if kind.number else None


def place_name(commune: str) -> str:
    """ "Xã Nà Lũng" → "Nà Lũng", as it stands before the date."""
    return _KINDS_OF_COMMUNE.sub("", commune)


def secrecy_of(kind: PaperKind, recipients: Collection[str]) -> str:
    """Level of secrecy and scope of provision, which article 24.3 asks of every report; the paper's own words where it
    prints them."""
    if kind.secrecy:
        return kind.secrecy
    scope = "; ".join(recipients) or "hồ sơ của trẻ em tại Ủy ban nhân dân cấp xã"
    return f"Mức độ bảo mật: bí mật theo Điều 24 Nghị định số 56/2017/NĐ-CP. Phạm vi cung cấp: {scope}."


def harming_carer(kind: str, facts: Facts, carers: Collection[str]) -> str | None:
    """The relation of the one named as harming, where this paper goes to the parents or carer and it is one of them."""
    relation = fact(facts, "harmer.relation")
    return relation if kind in SENT_TO_CARERS and relation in carers else None


def office_address(commune: str) -> str:
    """What Mẫu 07 prints instead of where the child is: the decision goes to those the child is separated from."""
    return f"trụ sở Ủy ban nhân dân {commune[:1].lower()}{commune[1:]}"
