"""What a paper is printed from: the answers of one version of a form, and who issues and signs it.

Nothing here reads a row, a clock or a session: the register fills a `PaperContent`, `pdf` and `word` print it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from casework.law.model import Form


@dataclass(frozen=True)
class PaperContent:
    """One paper. A value that is None, "" or missing prints as a blank ruled line, as on the official form.

    `kind` is an id of papers.toml ("01".."07", "minutes", "cost-estimate", "extend-separation", "cancel-separation",
    "court-request", "file-index"). `values` are answers by field id as `cases` keeps them (dates as ISO text, choices
    as option ids, rows as lists of mappings). "cost-estimate" takes form "04" and its values; "file-index" no form.

    `commune` and `province` carry their kind of unit as the unit table does ("xã Nà Lũng", "tỉnh Sơn Lâm"), `place`
    does not ("Nà Lũng": it stands before the date). `day` is the paper's own date; None leaves "ngày   tháng   năm"
    to the pen. `number` is what stands before the pattern of papers.toml ("05" prints "05/QĐ-UBND"); a text with a
    slash prints as it is; None leaves a blank before the pattern.

    `signer_post` "" takes the post of papers.toml; otherwise it replaces the last line of the signer's block.
    `deputy` wins over it and prints the form for a deputy (KT. CHỦ TỊCH, PHÓ CHỦ TỊCH). `grounds` and `recipients` empty
    take what the chair wrote on the form, else the versioned lists of papers.toml.
    `version_hash` (hex of SHA-256) and `code` stand in the foot of every page: a signed scan names its version. A draft
    has no hash yet ("").

    `extra`, all optional:
      "child": mapping name, birth_date (ISO), address - the case's facts, for papers whose form does not ask them
      "office", "office_abbreviation": the receiving body of Mẫu 01 where it is not the commune ("BC-TĐ111")
      "units": mapping unit code - name, for answers that name a commune ("xã Nà Lũng, tỉnh Sơn Lâm")
      "worker_name": second signer (Mẫu 04, minutes' secretary, cost estimate)
      "separation": mapping number, day (ISO), until (ISO), from_whom, from_whom_address, receiver, receiver_address -
          the decision (Mẫu 07) that "extend-separation", "cancel-separation", "court-request" speak of
      "plan": mapping number, day (ISO) - the decision of Mẫu 05 that approved the plan
      "documents": rows title, number, day (ISO), pages (int), note - the lines of "file-index"
      "code_words": what the code in the foot is of, where it is no case's ("Mã sự cố")
      "draft": True - not issued yet: "BẢN NHÁP" stands visibly on every page, and no number is given
    """

    kind: str
    form: Form | None
    values: Mapping[str, Any]
    commune: str
    province: str
    place: str
    day: date | None
    number: str | None
    signer_post: str
    signer_name: str
    deputy: bool
    grounds: tuple[str, ...]
    recipients: tuple[str, ...]
    version_hash: str
    code: str
    extra: Mapping[str, Any] = field(default_factory=dict)
