"""One paper of each kind as a clerk of an invented commune would print it. Nobody here exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from casework.law.loader import load_law
from casework.law.model import Form, Law
from casework.papers.content import PaperContent

HASH = "9f2c4b7a1de03856c1aa90b4e7f3526d8804c9be716f02ad35e1b9c07d64f8a2"
CODE = "TE-27-7K3M9Q"

CHILD = {"name": "Vừ A Páo", "birth_date": "2017-02-03", "address": "bản Sen, xã Nà Lũng, tỉnh Sơn Lâm"}
SEPARATION = {
    "number": "07/QĐ-UBND",
    "day": "2027-01-28",
    "until": "2027-02-05",
    "from_whom": "Vừ Mí Sính",
    "from_whom_address": "bản Sen, xã Nà Lũng, tỉnh Sơn Lâm",
    "receiver": "Lò Thị Ẻn",
    "receiver_address": "Trạm Y tế xã Nà Lũng, tỉnh Sơn Lâm",
}

FORM_01: dict[str, Any] = {
    "channel": "phone",
    "received_at": "2027-01-27T22:14:00+07:00",
    "danger_now": "yes",
    "category": "abused",
    "kinds": ["violence", "neglect"],
    "child_name": CHILD["name"],
    "child_birth_date": CHILD["birth_date"],
    "child_sex": "male",
    "incident_commune": "99001",
    "incident_place": "bản Sen, nhà cạnh cầu treo",
    "child_whereabouts": "Nhà bà ngoại ở bản Sen",
    "child_condition": "Bầm tím hai cẳng tay, sợ hãi, không dám về nhà. Ăn uống được.",
    "consequences": "Tiếp tục bị đánh khi cha say rượu; có thể bị thương nặng.",
    "father_name": "Vừ Mí Sính",
    "father_age": 34,
    "father_job": "Làm nương",
    "mother_name": "Giàng Thị Mỷ",
    "family": "Cha mẹ ly thân từ năm 2025, trẻ ở với cha và hai em nhỏ.",
    "carer": "Bà ngoại",
    "narrative": "Người báo nghe tiếng trẻ khóc và tiếng roi từ khoảng 21 giờ.\nTrẻ chạy sang nhà bà ngoại lúc 21 giờ 40 phút.",
    "reporter_name": "Hoàng Văn Nghĩa",
    "reporter_phone": "+84912345678",
}

FORM_02: dict[str, Any] = {
    "assessed_at": "2027-01-28",
    "harm_1_1": "cao",
    "harm_1_2": "cao",
    "ability_2_1": "thap",
    "ability_2_2": "trung_binh",
    "conclusion": "emergency",
    "measures": [
        {"need": "shelter", "service": "temporary-care", "provider": "Gia đình bà Lò Thị Ẻn, bản Sen"},
        {"need": "physical", "service": "medical-care", "provider": "Trạm Y tế xã Nà Lũng"},
        {"need": "physical", "service": "other", "provider": "Công an xã Nà Lũng"},
    ],
}

FORM_03: dict[str, Any] = {
    "child_name": CHILD["name"],
    "assessor": "Lường Thị Hà",
    "assessed_at": "2027-02-01",
    "purpose": "plan",
    "state_of_child": "Vết bầm đã giảm. Trẻ ngủ không yên, hay giật mình.\nĐã bị cha đánh nhiều lần trong sáu tháng qua.",
    "family": "Cha uống rượu thường xuyên. Bà ngoại 58 tuổi, khỏe mạnh, thương cháu.",
    "care_factors_good": "Bà ngoại ở gần, có chỗ ngủ riêng cho trẻ.",
    "care_factors_bad": "Cha biết nơi ở của bà ngoại và đã đến đòi đưa trẻ về.",
    "future_carer": "Bà ngoại Giàng Thị Súa.",
    "future_factors_good": "Hội Liên hiệp Phụ nữ xã đến thăm hằng tuần.",
    "harm_1_1": "cao",
    "harm_1_2": "trung_binh",
    "harm_1_3": "trung_binh",
    "harm_1_4": "cao",
    "harm_1_5": "trung_binh",
    "ability_2_1": "thap",
    "ability_2_2": "trung_binh",
    "ability_2_3": "trung_binh",
    "ability_2_4": "thap",
    "ability_2_5": "cao",
    "conclusion": "high",
    "problems": [
        {"problem": "Tổn hại về thể chất và tâm lý do bị đánh nhiều lần."},
        {"problem": "Môi trường chăm sóc của người cha chưa an toàn."},
    ],
    "child_opinion": "Muốn ở với bà ngoại và tiếp tục đi học.",
    "needs_care": [{"name": "Khám và theo dõi sức khỏe tại trạm y tế", "provider": "Trạm Y tế xã Nà Lũng"}],
    "needs_services": [{"kind": "social", "name": "Tư vấn cho người cha về phòng, chống bạo lực gia đình"}],
}

FORM_04: dict[str, Any] = {
    "goals": ["recovery", "safe-environment"],
    "goal_other": "Trẻ trở lại trường trong học kỳ II.",
    "activities": [
        {
            "kind": "medical",
            "name": "Khám sức khỏe, theo dõi tâm lý",
            "officer": "Bàn Văn Lợi",
            "coordinator": "Lường Thị Hà",
            "from": "2027-02-05",
            "to": "2027-04-05",
            "provider": "Trạm Y tế xã Nà Lũng",
            "cost": 1234000,
        },
        {
            "kind": "education",
            "name": "Hỗ trợ sách vở và đưa trẻ trở lại trường",
            "officer": "Đặng Thị Hồng Ngọc",
            "coordinator": "Lường Thị Hà",
            "from": "2027-02-08",
            "to": "2027-05-31",
            "provider": "Trường Tiểu học Nà Lũng",
            "cost": 850000,
        },
        {"kind": "social", "name": "Tư vấn cho người cha", "officer": "Lường Thị Hà", "from": "2027-02-10"},
    ],
    "review_date": "2027-05-31",
}

FORM_06: dict[str, Any] = {
    "child_name": CHILD["name"],
    "assessor": "Lường Thị Hà",
    "assessed_at": "2027-05-31",
    "harm_1_1": "thap",
    "harm_1_2": "trung_binh",
    "harm_1_3": "thap",
    "ability_2_1": "trung_binh",
    "ability_2_2": "cao",
    "ability_2_3": "cao",
    "conclusion": "stable",
}

FORM_07: dict[str, Any] = {
    "proposer": "Lường Thị Hà",
    "trigger": "carer-harms",
    "child_name": CHILD["name"],
    "child_birth_date": CHILD["birth_date"],
    "child_address": CHILD["address"],
    "from_whom": SEPARATION["from_whom"],
    "from_whom_address": SEPARATION["from_whom_address"],
    "separation_from": "2027-01-28",
    "days": 8,
    "until": "2027-02-05",
    "receiver": SEPARATION["receiver"],
    "receiver_address": SEPARATION["receiver_address"],
}

MINUTES: dict[str, Any] = {
    "held_at": "2027-02-02T08:05:00+07:00",
    "place": "Phòng họp Ủy ban nhân dân xã Nà Lũng",
    "chair": "Hoàng Thị Ánh",
    "participants": [
        {"name": "Lường Thị Hà", "position": "Người làm công tác bảo vệ trẻ em xã"},
        {"name": "Bàn Văn Lợi", "position": "Trưởng Trạm Y tế xã"},
        {"name": "Lò Văn Pấng", "position": "Trưởng bản Sen, đại diện khu dân cư"},
        {"name": "Giàng Thị Mỷ", "position": "Mẹ của trẻ"},
    ],
    "absent": [{"name": "Đặng Thị Hồng Ngọc", "position": "Hiệu trưởng", "why": "Đi công tác"}],
    "secretary": "Lường Thị Hà",
    "parents_invited": "withheld",
    "withheld_reason": "Không mời người cha vì là người gây tổn hại cho trẻ; mời người mẹ.",
    "needs": "Chỗ ở an toàn; chăm sóc y tế và tâm lý; trở lại trường học.",
    "measures": [{"name": "Trẻ ở với bà ngoại", "officer": "Lường Thị Hà", "from": "2027-02-02", "to": "2027-05-31"}],
    "conclusions": "Giao người làm công tác bảo vệ trẻ em xây dựng kế hoạch, trình trước ngày 05 tháng 02 năm 2027.",
}

EXTEND: dict[str, Any] = {
    "until": "2027-02-20",
    "reason": "Kết quả đánh giá cho thấy người cha chưa bảo đảm an toàn cho trẻ.",
    "past_limit": True,
    "competent_body": "Cơ quan Cảnh sát điều tra Công an tỉnh Sơn Lâm",
    "competent_paper": "31/CSĐT",
    "competent_paper_date": "2027-02-04",
}

CANCEL: dict[str, Any] = {
    "reason": "Cha, mẹ được đánh giá bảo đảm an toàn cho trẻ theo Mẫu số 03 ngày 18 tháng 02 năm 2027.",
    "handed_to": "Giàng Thị Mỷ (mẹ)",
    "handed_at": "2027-02-19",
}

COURT: dict[str, Any] = {
    "court": "khu vực 3 - Sơn Lâm",
    "asks": ["restrict-rights", "alternative-care"],
    "grounds": "Người cha nhiều lần đánh trẻ gây thương tích.\nSau khi được tư vấn, người cha vẫn đe dọa trẻ và bà ngoại.",
    "child_name": CHILD["name"],
    "child_birth_date": CHILD["birth_date"],
    "child_address": CHILD["address"],
    "father_name": "Vừ Mí Sính",
    "mother_name": "Giàng Thị Mỷ",
    "carer_address": CHILD["address"],
    "evidence": [
        {"item": "Giấy chứng nhận thương tích", "date": "2027-01-29", "kept": "Hồ sơ tại UBND xã"},
        {"item": "Biên bản làm việc với người cha", "date": "2027-02-11", "kept": "Công an xã Nà Lũng"},
    ],
}

DOCUMENTS = [
    {
        "title": "Báo cáo tiếp nhận thông tin trẻ em (Mẫu số 01)",
        "number": "03/BC-UBND",
        "day": "2027-01-27",
        "pages": 2,
    },
    {"title": "Đánh giá nguy cơ ban đầu (Mẫu số 02)", "day": "2027-01-28", "pages": 1},
    {
        "title": "Quyết định tạm thời cách ly (Mẫu số 07)",
        "number": "07/QĐ-UBND",
        "day": "2027-01-28",
        "pages": 1,
        "note": "Bản có chữ ký đã nộp lại",
    },
]

VALUES: dict[str, dict[str, Any]] = {
    "01": FORM_01,
    "02": FORM_02,
    "03": FORM_03,
    "04": FORM_04,
    "05": {"proposer": "Lường Thị Hà", "child_name": CHILD["name"]},
    "06": FORM_06,
    "07": FORM_07,
    "minutes": MINUTES,
    "cost-estimate": FORM_04,
    "extend-separation": EXTEND,
    "cancel-separation": CANCEL,
    "court-request": COURT,
    "file-index": {},
}
KINDS = tuple(VALUES)
BY_WORKER = {"01", "02", "03", "06", "file-index"}

LAW = load_law()


def form_of(kind: str, law: Law = LAW) -> Form | None:
    form = law.papers[kind].form
    return law.forms[form] if form else None


def sample(kind: str, **changes: Any) -> PaperContent:
    """A filled paper of the kind; `changes` replace fields of the content."""
    content = PaperContent(
        kind=kind,
        form=form_of(kind),
        values=VALUES[kind],
        commune="xã Nà Lũng",
        province="tỉnh Sơn Lâm",
        place="Nà Lũng",
        day=date(2027, 2, 5),
        number="05",
        signer_post="",
        signer_name="Lường Thị Hà" if kind in BY_WORKER else "Hoàng Thị Ánh",
        deputy=False,
        grounds=(),
        recipients=(),
        version_hash=HASH,
        code=CODE,
        extra=_extra(),
    )
    return replace(content, **changes)


def empty(kind: str) -> PaperContent:
    """The same paper before anybody wrote anything: what the pen fills stays ruled."""
    return sample(kind, values={}, number=None, signer_name="", day=None, extra={})


def _extra() -> Mapping[str, Any]:
    return {
        "child": CHILD,
        "separation": SEPARATION,
        "worker_name": "Lường Thị Hà",
        "documents": DOCUMENTS,
        "units": {"99001": "xã Nà Lũng, tỉnh Sơn Lâm"},
    }
