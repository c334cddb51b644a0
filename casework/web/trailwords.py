"""The words of the trail: what each stored tag, object type and field name is called on a page.

The one place for them: the auditor's list, a case's timeline and the list of who has read it say the same. What the law's
data name (steps, limits, forms, papers, groups) keeps the law's own titles; the rest stands here. A value is stored as it
is and never changed: only its title is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from flask_babel import force_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from casework.access.policybook import policy_book
from casework.access.rules import CONDITIONS
from casework.audit.tags import Tag
from casework.incidents.rules import course
from casework.law.model import Action, DeadlineRule, Law, Text
from casework.oversight.acts import kinds
from casework.vault.fold import fold_name
from casework.web import wording
from casework.web.calendar import KIND_WORDS

LANGUAGES = ("vi", "en")
TAGS: Mapping[str, object] = {
    Tag.SESSION_OPENED: _l("Đăng nhập"),
    Tag.SESSION_REFUSED: _l("Đăng nhập bị từ chối"),
    Tag.SESSION_THROTTLED: _l("Tạm dừng đăng nhập do thử sai nhiều lần"),
    Tag.SESSION_CLOSED: _l("Đăng xuất"),
    Tag.SESSION_LOCKED: _l("Khóa phiên làm việc"),
    Tag.SESSION_UNLOCKED: _l("Mở khóa phiên làm việc"),
    Tag.SESSION_REVOKED: _l("Chấm dứt phiên đăng nhập"),
    Tag.SIGN_IN_REOPENED: _l("Cho đăng nhập lại sau khi thử sai nhiều lần"),
    Tag.PHONE_CODE_GIVEN: _l("Cấp mã đăng ký điện thoại"),
    Tag.PHONE_ENROLLED: _l("Đăng ký điện thoại"),
    Tag.PHONE_REVOKED: _l("Thu hồi điện thoại"),
    Tag.PHONE_PIN_REFUSED: _l("Mã PIN bị từ chối"),
    Tag.IDENTITY_LINKED: _l("Liên kết với tài khoản cơ quan"),
    Tag.IDENTITY_UNLINKED: _l("Bỏ liên kết với tài khoản cơ quan"),
    Tag.FACTOR_ADDED: _l("Thêm cách xác nhận thứ hai"),
    Tag.FACTOR_RENAMED: _l("Đổi tên cách xác nhận thứ hai"),
    Tag.FACTOR_REMOVED: _l("Gỡ cách xác nhận thứ hai"),
    Tag.FACTOR_CONFIRMED: _l("Xác nhận lại đúng người"),
    Tag.FACTOR_REFUSED: _l("Mã xác thực bị từ chối"),
    Tag.FACTOR_SUSPECTED: _l("Khoá truy cập nghi bị sao chép"),
    Tag.RECOVERY_CODES_MADE: _l("Tạo mã khôi phục"),
    Tag.RECOVERY_CODE_USED: _l("Dùng mã khôi phục"),
    Tag.FACTORS_RESET: _l("Gỡ mọi cách xác nhận thứ hai"),
    Tag.CASE_OPENED: _l("Tiếp nhận thông tin (Mẫu 01)"),
    Tag.CASE_MOVED_TO_EDITION: _l("Chuyển ca sang quy định mới"),
    Tag.CASE_READ: _l("Xem ca"),
    Tag.CASE_LIST_READ: _l("Xem danh sách ca"),
    Tag.CASE_PRINTED: _l("Xem bản in"),
    Tag.DOCUMENT_READ: _l("Xem giấy tờ"),
    Tag.SEARCHED: _l("Tìm ca có thể trùng"),
    Tag.IDENTITY_REVEALED: _l("Hiện tên trẻ"),
    Tag.REFERRAL_READ: _l("Xem phiếu chuyển"),
    Tag.PAPER_PRINTED: _l("In giấy tờ"),
    Tag.PAPER_ISSUED: _l("Ban hành giấy tờ"),
    Tag.SCAN_RETURNED: _l("Nộp bản ký"),
    Tag.SCAN_READ: _l("Tải bản ký"),
    Tag.CASE_EXPORTED: _l("Xuất hồ sơ ca"),
    Tag.EXPORT_READ: _l("Tải hồ sơ đã xuất"),
    Tag.ACCESS_REFUSED: _l("Truy cập bị từ chối"),
    Tag.MOVE_REFUSED: _l("Bước xử lý ca bị từ chối"),
    Tag.LATE_REASON_GIVEN: _l("Lý do chậm hạn"),
    Tag.HAND_OVER_READ: _l("Xem đề nghị bàn giao ca"),
    Tag.REPORT_RECEIVED: _l("Ghi nhận tin báo"),
    Tag.REPORT_JOINED: _l("Gắn tin báo vào ca"),
    Tag.REPORT_CLOSED_NO_CASE: _l("Kết thúc cuộc gọi, không mở ca"),
    Tag.REPORT_REPLAYED: _l("Tin báo gửi lại, không ghi thêm"),
    Tag.REPORT_MALFORMED_KEPT: _l("Giữ lại tin báo chưa đọc được"),
    Tag.REVIEW_QUEUE_READ: _l("Xem tin báo chưa đọc được"),
    Tag.REVIEW_DONE: _l("Xử lý xong tin báo chưa đọc được"),
    Tag.CLOCK_STARTED: _l("Bắt đầu tính hạn"),
    Tag.CLOCK_STOPPED: _l("Ngừng tính hạn"),
    Tag.CLOCK_WARNED: _l("Sắp hết hạn"),
    Tag.CLOCK_BREACHED: _l("Quá hạn"),
    Tag.CLOCK_CHANGED: _l("Thay đổi hạn"),
    Tag.CALENDAR_CHANGED: _l("Thay đổi lịch làm việc của cơ quan"),
    Tag.NOTICE_QUEUED: _l("Đưa tin nhắn vào hàng chờ gửi"),
    Tag.NOTICE_SENT: _l("Gửi tin nhắn"),
    Tag.NOTICE_FAILED: _l("Gửi tin nhắn không thành công"),
    Tag.NOTICE_READ: _l("Xem thông báo"),
    Tag.SMS_STOPPED: _l("Ngừng nhận tin nhắn SMS"),
    Tag.SMS_RESUMED: _l("Nhận lại tin nhắn SMS"),
    Tag.ALARM_CALLED: _l("Gọi người tiếp theo vì chưa ai nhận việc"),
    Tag.ALARM_RECEIVED: _l("Báo đã nhận tin"),
    Tag.ALARM_TAKEN: _l("Nhận việc sau khi được gọi"),
    Tag.DEVICE_ALLOWED: _l("Bật thông báo trên thiết bị"),
    Tag.DEVICE_REMOVED: _l("Tắt thông báo trên thiết bị"),
    Tag.CALENDAR_LINK_MADE: _l("Tạo đường dẫn lịch"),
    Tag.CALENDAR_LINK_REVOKED: _l("Thu hồi đường dẫn lịch"),
    Tag.CONFLICT_NAMED: _l("Ghi nhận khả năng xung đột lợi ích"),
    Tag.EXCLUSION_MADE: _l("Loại khỏi ca (xung đột lợi ích)"),
    Tag.EXCLUSION_ENDED: _l("Bỏ loại trừ khỏi ca"),
    Tag.GRANT_MADE: _l("Cho xem ca có thời hạn"),
    Tag.GRANT_REVOKED: _l("Thu hồi quyền xem ca"),
    Tag.REPORTER_SHOWN: _l("Xem người báo tin"),
    Tag.BREAK_GLASS_REFUSED: _l("Mở khẩn cấp bị từ chối"),
    Tag.ACT_PROPOSED: _l("Đề nghị việc cần hai người"),
    Tag.ACT_DONE: _l("Người thứ hai đồng ý, việc được thực hiện"),
    Tag.ACT_REFUSED: _l("Người thứ hai không đồng ý"),
    Tag.ACT_WITHDRAWN: _l("Rút đề nghị việc cần hai người"),
    Tag.ACT_EXPIRED: _l("Đề nghị hết hạn, chưa ai trả lời"),
    Tag.READ_BUDGET_NEARED: _l("Xem nhiều ca trong một giờ"),
    Tag.READ_BUDGET_SPENT: _l("Bị dừng vì xem quá nhiều ca trong một giờ"),
    Tag.ACCOUNT_CONFIRMED: _l("Xác nhận tài khoản"),
    Tag.ACCOUNT_CONFIRMED_AT_MACHINE: _l("Xác nhận tài khoản tại máy chủ"),
    Tag.ACCOUNT_CREATED: _l("Tạo tài khoản"),
    Tag.ACCOUNT_CHANGED: _l("Thay đổi tài khoản"),
    Tag.ACCOUNT_CLOSED: _l("Khóa tài khoản"),
    Tag.PASSWORD_CHANGED: _l("Đổi mật khẩu"),
    Tag.DUTY_CHANGED: _l("Thay đổi phân công trực"),
    Tag.UNIT_CHANGED: _l("Thay đổi danh mục đơn vị"),
    Tag.CONTACT_CHANGED: _l("Thay đổi danh bạ"),
    Tag.API_KEY_CREATED: _l("Cấp khóa kết nối (API)"),
    Tag.API_KEY_REVOKED: _l("Thu hồi khóa kết nối (API)"),
    Tag.SETTING_CHANGED: _l("Thay đổi cài đặt"),
    Tag.KEY_ROTATED: _l("Thay khóa mã hóa"),
    Tag.INCIDENT_OPENED: _l("Báo sự cố lộ dữ liệu"),
    Tag.INCIDENT_READ: _l("Xem sự cố"),
    Tag.INCIDENT_NOTED: _l("Ghi thêm vào sự cố"),
    Tag.INCIDENT_MARK_PASSED: _l("Đến mốc giờ của sự cố"),
    Tag.INCIDENT_NOTICE_CONFIRMED: _l("Chốt văn bản thông báo vi phạm"),
    Tag.INCIDENT_FILED: _l("Đã gửi thông báo vi phạm"),
    Tag.INCIDENT_CLOSED: _l("Đóng sự cố"),
    Tag.TIME_JUMPED: _l("Đồng hồ máy chủ thay đổi đột ngột"),
    Tag.TICK_LOST: _l("Tiến trình nhắc hạn bị gián đoạn"),
    Tag.AUDIT_READ: _l("Xem nhật ký"),
    Tag.AUDIT_VERIFIED: _l("Kiểm chứng nhật ký"),
    Tag.CHECKPOINT_SEALED: _l("Niêm phong nhật ký"),
}
# A time that has to pass (monitoring) is told under the tag of a limit that was missed, and is none.
PERIOD_OVER = _l("Đã đủ thời gian")
OBJECTS = {
    "added": _l("thêm ngày"),
    "alarm": _l("báo động"),
    "api-key": _l("khóa kết nối (API)"),
    "api_key": _l("khóa kết nối (API)"),
    "break-glass": _l("các lần mở khẩn cấp"),
    "calendar-link": _l("đường dẫn lịch"),
    "case": _l("ca"),
    "case-list": _l("danh sách ca"),
    "clock": _l("đồng hồ máy chủ"),
    "closed_call": _l("cuộc gọi không mở ca"),
    "contacts": _l("danh bạ"),
    "course": _l("dòng thời gian của ca"),
    "decision": _l("giấy chờ quyết định"),
    "document": _l("giấy tờ của ca"),
    "exclusions": _l("các nơi bị loại khỏi ca"),
    "grant": _l("quyền xem ca có thời hạn"),
    "grants": _l("các quyền xem ca có thời hạn"),
    "hand-over": _l("đề nghị bàn giao ca"),
    "hand-overs": _l("danh sách bàn giao ca"),
    "health": _l("phiếu chuyển cơ sở y tế"),
    "incident": _l("sự cố"),
    "intake": _l("phiếu vừa ghi"),
    "national-export": _l("hồ sơ ca xuất theo mẫu toàn quốc"),
    "notice": _l("tin nhắn"),
    "notices": _l("các thông báo"),
    "overview": _l("bảng theo dõi của tỉnh"),
    "paper-issue": _l("trang ban hành giấy tờ"),
    "paper-scan": _l("trang nộp bản ký"),
    "papers": _l("danh sách giấy tờ của ca"),
    "passkey": _l("khoá truy cập"),
    "people": _l("những người của ca"),
    "police": _l("phiếu chuyển công an"),
    "push-device": _l("thiết bị nhận thông báo"),
    "readers": _l("ai đã xem ca"),
    "referral": _l("phiếu chuyển"),
    "referrals": _l("danh sách phiếu chuyển"),
    "report": _l("tin báo"),
    "reporter": _l("người báo tin"),
    "sharing": _l("ai thấy gì của ca"),
    "sheet": _l("bản in của ca"),
    "signed-scan": _l("bản ký đã quét"),
    "similar_case": _l("ca tương tự"),
    "staff": _l("tài khoản"),
    "taken-back": _l("bỏ ngày đã đặt"),
    "tasks": _l("việc của tôi"),
    "to-sign": _l("giấy chờ ký"),
    "totp": _l("ứng dụng tạo mã"),
    "trail": _l("nhật ký"),
    "unit": _l("đơn vị"),
    "units": _l("danh mục đơn vị"),
    "unknown-page": _l("trang không có"),
    "unread_report": _l("tin báo chưa đọc được"),
}
# The page that was refused, by the room of the program that its name begins with ("cases.home").
PAGES = {
    "accounts": _l("trang tài khoản"),
    "acts": _l("trang việc cần hai người"),
    "breakglass": _l("trang mở khẩn cấp"),
    "calendar": _l("trang lịch ngày nghỉ"),
    "callbacks": _l("cổng nhận báo kết quả gửi tin"),
    "casefile": _l("trang hồ sơ ca"),
    "cases": _l("trang ca"),
    "conflict": _l("trang xung đột lợi ích"),
    "contacts": _l("trang danh bạ"),
    "desk": _l("trang việc cần làm"),
    "drill": _l("trang diễn tập"),
    "factors": _l("trang cách xác nhận thứ hai"),
    "grants": _l("trang cho xem ca có thời hạn"),
    "handover": _l("trang bàn giao ca"),
    "health": _l("cổng kiểm tra hoạt động"),
    "imports": _l("trang nhập từ tệp"),
    "incidents": _l("trang sự cố"),
    "liaison": _l("trang phiếu chuyển"),
    "lock": _l("trang khóa phiên làm việc"),
    "mysessions": _l("trang phiên đăng nhập"),
    "notices": _l("trang thông báo"),
    "office": _l("trang quản trị"),
    "oidc": _l("trang tài khoản cơ quan"),
    "openapi": _l("trang mô tả cổng kết nối (API)"),
    "operator": _l("trang Tổng đài"),
    "pages": _l("trang chung"),
    "papers": _l("trang giấy tờ"),
    "phones": _l("trang điện thoại cộng tác viên"),
    "report": _l("trang báo tin của cộng tác viên"),
    "reports": _l("cổng nhận tin báo (API)"),
    "rota": _l("trang phân công trực"),
    "signin": _l("trang đăng nhập"),
    "static": _l("tệp của trang"),
    "system": _l("trang tình trạng hệ thống"),
    "units": _l("trang đơn vị"),
}
FIELDS = {
    "buoc": _l("lọc theo bước"),
    "calendar": _l("do lịch làm việc thay đổi"),
    "closed": _l("đã đóng"),
    "day": _l("lọc theo ngày"),
    "docx": _l("tệp Word"),
    "draft-print": _l("bản in nháp"),
    "earlier": _l("của bản in cũ"),
    "edition": _l("quy định áp dụng"),
    "ended": _l("kết thúc"),
    "extension": _l("do gia hạn"),
    "han": _l("lọc theo hạn"),
    "issued": _l("đã ban hành"),
    "latest": _l("của bản in hiện nay"),
    "leave": _l("nghỉ phép"),
    "limited": _l("chưa có cách xác nhận thứ hai"),
    "lost": _l("mất máy"),
    "mail": _l("thư điện tử"),
    "make-up": KIND_WORDS["make-up"],
    "nguy-co": _l("lọc theo mức nguy cơ"),
    "note": _l("ghi chú"),
    "notice": _l("văn bản thông báo vi phạm"),
    "off": KIND_WORDS["off"],
    "others": _l("các phiên khác"),
    "own": _l("tự mình thực hiện"),
    "passkey": _l("khoá truy cập"),
    "password": _l("mật khẩu"),
    "pdf": _l("tệp PDF"),
    "person": _l("họ tên, điện thoại, thôn"),
    "pin": _l("sai mã PIN nhiều lần"),
    "print": _l("in trên trang"),
    "proposed": _l("mới đề nghị"),
    "push": _l("thông báo trên thiết bị"),
    "q": _l("tìm theo mã"),
    "recovery-code": _l("mã khôi phục"),
    "replaced": _l("thay bằng máy khác"),
    "result": _l("lọc theo kết quả"),
    "role": _l("vai trò"),
    "signed": _l("đã có bản ký"),
    "sms": _l("tin nhắn SMS"),
    "step": _l("bước xử lý"),
    "tag": _l("lọc theo việc"),
    "tat-ca": _l("cả ca đã kết thúc"),
    "told": _l("đã báo cho ai"),
    "totp": _l("ứng dụng tạo mã"),
    "unit": _l("đơn vị"),
    "voice": _l("cuộc gọi tự động"),
    "xa": _l("lọc theo xã"),
}
RUNGS = {
    "owner": _l("người phải làm"),
    "deputy": _l("Phó Chủ tịch UBND xã"),
    "chair": _l("Chủ tịch UBND xã"),
    "province": _l("giám sát cấp tỉnh"),
    "national": _l("Tổng đài quốc gia"),
}
FAULTS = {
    "edited": _l("mục bị sửa"),
    "deleted": _l("mục bị xóa"),
    "inserted": _l("mục bị chèn"),
    "reordered": _l("mục bị đổi chỗ"),
    "cut": _l("phần cuối bị cắt"),
    "checkpoint-broken": _l("niêm phong không khớp"),
    "anchor-missing": _l("bản neo ngoài cơ sở dữ liệu không khớp"),
}
RESULTS = {"done": _l("đã làm"), "refused": _l("bị từ chối")}

OF_A_LIMIT = (
    Tag.CLOCK_STARTED, Tag.CLOCK_STOPPED, Tag.CLOCK_WARNED, Tag.CLOCK_BREACHED, Tag.CLOCK_CHANGED, Tag.ALARM_CALLED,
)  # fmt: skip
OF_AN_ACT = (Tag.ACT_PROPOSED, Tag.ACT_DONE, Tag.ACT_REFUSED, Tag.ACT_WITHDRAWN, Tag.ACT_EXPIRED)
OF_ANSWERS = (Tag.REPORT_RECEIVED, Tag.SEARCHED)
OF_GROUPS = (Tag.REFERRAL_READ, Tag.GRANT_MADE)


def tag_title(tag: str) -> str:
    """What a tag of the program is called; "" for one of the law's moves, whose data name it."""
    return str(TAGS.get(tag, ""))


def in_a_line(tag: str) -> str:
    """The same inside a line: `xem ca`."""
    title = tag_title(tag)
    return title[:1].lower() + title[1:]


def limit_title(tag: str, rule: DeadlineRule) -> str:
    """What happened to a limit; a time that has passed is no limit missed."""
    return str(PERIOD_OVER) if tag == Tag.CLOCK_BREACHED and rule.period else tag_title(tag)


class TrailWords:
    """Titles in the reader's language, by the editions of the law that the office holds: an entry may be of an older one.

    Asks nothing of the database. "" means that nothing of that name is known; the stored value is all that can be said.
    """

    def __init__(self, newest: Law, laws: Sequence[Law]) -> None:
        self._laws = (newest, *laws)

    # ------------------------------------------------------------ what happened

    @cached_property
    def moves(self) -> Mapping[str, Action]:
        """Tag of the law → its move."""
        return {one.tag: one for law in reversed(self._laws) for one in law.actions.values()}

    def every_tag(self) -> list[str]:
        return [*(tag.value for tag in Tag), *self.moves]

    def tag(self, tag: str, object_type: str | None = None) -> str:
        rule = self._rules.get(object_type or "")
        if tag in OF_A_LIMIT and rule:
            return limit_title(tag, rule)
        if move := self.moves.get(tag):
            return wording.law_text(move.done)
        return tag_title(tag)

    def tags_named(self, typed: str) -> tuple[str, ...]:
        """The tags that somebody means who typed a slug or words of a title, in either language; none: nobody's name.

        A whole title means that one alone; a part of one means all that have it.
        """
        if (slug := typed.strip()) in self.every_tag():
            return (slug,)
        if not (wanted := fold_name(typed)):
            return ()
        names = self._names()
        whole = tuple(tag for tag, known in names.items() if wanted in known)
        return whole or tuple(tag for tag, known in names.items() if any(wanted in one for one in known))

    def _names(self) -> Mapping[str, set[str]]:
        """Tag → what it may be called, folded: an address that one reader hands on means the same in another's language."""
        names = {tag: {fold_name(tag)} for tag in self.every_tag()}
        for language in LANGUAGES:
            with force_locale(language):
                for tag, known in names.items():
                    known.add(fold_name(self.tag(tag)))
                for tag, move in self.moves.items():
                    names[tag].add(fold_name(wording.law_text(move.title)))
                names[Tag.CLOCK_BREACHED].add(fold_name(str(PERIOD_OVER)))
        return names

    # ------------------------------------------------------------ to what

    def object(self, tag: str, kind: str) -> str:
        if tag in OF_A_LIMIT:
            return _law_title(self._rules.get(kind))
        if tag in OF_AN_ACT:
            return _law_title(kinds().get(kind))
        if tag == Tag.MOVE_REFUSED:
            return wording.law_text(self._steps.get(kind))
        if tag == Tag.ACCESS_REFUSED and kind not in OBJECTS:
            return str(PAGES.get(kind.partition(".")[0], ""))
        if kind in OBJECTS:
            return str(OBJECTS[kind])
        return self._paper(kind.removeprefix("paper-").removeprefix("form-"))

    def _paper(self, kind: str) -> str:
        """`Mẫu số 02` where the decree numbers it, else its title."""
        form, paper = self._find("forms", kind), self._find("papers", kind)
        return wording.form_number(form) or _law_title(form) or _law_title(paper)

    # ------------------------------------------------------------ which of its fields

    def field(self, tag: str, name: str) -> str:
        if tag in self.moves:
            return self._label(name, self.moves[tag].form)
        if tag in OF_ANSWERS:
            return self._label(name, "01")
        if tag in OF_GROUPS:
            return wording.law_text(self._groups.get(name))
        if tag == Tag.LATE_REASON_GIVEN:
            return _law_title(self._rules.get(name))
        if tag == Tag.ALARM_CALLED:
            return str(RUNGS.get(name, ""))
        if tag == Tag.AUDIT_VERIFIED:
            return str(FAULTS.get(name, ""))
        if tag in (Tag.INCIDENT_NOTED, Tag.INCIDENT_FILED) and (step := course().step(name)):
            return wording.law_text(step.title)
        if name in FIELDS:
            return str(FIELDS[name])
        return _counted(tag, name)

    def _label(self, name: str, form: str | None) -> str:
        """As the form asks it that the move fills in, else as any form does."""
        for law in self._laws:
            first = [law.forms[form]] if form and form in law.forms else []
            for one in (*first, *law.forms.values()):
                found = next((field for field in one.fields if field.id == name), None)
                if found is not None:
                    return wording.law_text(found.label)
        return ""

    # ------------------------------------------------------------ the law's names

    @cached_property
    def _rules(self) -> Mapping[str, DeadlineRule]:
        return {name: rule for law in reversed(self._laws) for name, rule in law.deadlines.items()}

    @cached_property
    def _steps(self) -> Mapping[str, Text]:
        return {name: one.title for law in reversed(self._laws) for name, one in law.actions.items()}

    @cached_property
    def _groups(self) -> Mapping[str, Text]:
        return {
            **policy_book(CONDITIONS).groups,
            **{name: one for law in self._laws for name, one in law.groups.items()},
        }

    def _find(self, where: str, name: str) -> Any:
        return next((found for law in self._laws if (found := getattr(law, where).get(name))), None)


def _law_title(thing: Any) -> str:
    return wording.law_text(thing.title) if thing is not None else ""


def _counted(tag: str, name: str) -> str:
    """What a number among the fields says: lines of a list that was read in, hours, a version, a day."""
    word, _dash, number = name.rpartition("-")
    if number.isdecimal() and word in ("added", "changed", "removed"):
        return {
            "added": _("thêm %(number)s mục", number=number),
            "changed": _("sửa %(number)s mục", number=number),
            "removed": _("bỏ %(number)s mục", number=number),
        }[word]
    if name.isdecimal():
        return (
            ngettext("%(num)d giờ", "%(num)d giờ", int(name))
            if tag == Tag.INCIDENT_MARK_PASSED
            else _("bản thứ %(number)s", number=name)
        )
    return wording.day_text(wording.day_typed(name))
