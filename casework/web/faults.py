"""What a person sees when something is refused or broken: a sentence and a way on, never a stack or a value."""

from __future__ import annotations

import structlog
from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from casework.errors import CaseworkError, Forbidden, GuardRefused, IllegalMove, NotFound, ReadBudgetSpent
from casework.oversight.budgets import note_spent
from casework.web.door import begin, the_office
from casework.web.guard import record_refused_page
from casework.web.wording import law_text

log = structlog.get_logger("web")

STATUSES = {
    "error": 500,
    "unsafe-start": 503,
    "law-fault": 503,
    "not-found": 404,
    "forbidden": 403,
    "illegal-move": 409,
    "guard-refused": 409,
    "invalid": 422,
    "stale": 409,
    "idempotency-mismatch": 422,
    "sign-in-refused": 401,
    "too-many-attempts": 429,
    "read-budget-spent": 429,
    "break-glass-spent": 429,
    "tampered": 500,
    "key-missing": 503,
}


def install_faults(app: Flask) -> None:
    @app.errorhandler(CaseworkError)
    def expected(error: CaseworkError) -> ResponseReturnValue:
        if isinstance(error, NotFound):
            record_refused_page()
        if isinstance(error, ReadBudgetSpent):
            with begin() as work:
                note_spent(work)
        status = STATUSES[error.kind]
        if status >= 500:
            log.error("refused", kind=error.kind, endpoint=request.endpoint, request_id=g.get("request_id"))
        return page(status, *words_of(error))

    @app.errorhandler(CSRFError)
    def forged(error: CSRFError) -> ResponseReturnValue:
        return page(400, _("Trang đã cũ"), _("Hãy tải lại trang rồi gửi lại. Nội dung đã lưu nháp vẫn còn."))

    @app.errorhandler(HTTPException)
    def usual(error: HTTPException) -> ResponseReturnValue:
        code = error.code or 500
        if code == 404:
            return page(404, *words_of(NotFound()))
        if code == 413:
            return page(413, _("Nội dung quá lớn"), _("Hãy rút gọn rồi gửi lại."))
        if code in (301, 302, 303, 307, 308):
            return error.get_response()
        return page(code, _("Không thực hiện được"), _("Yêu cầu này không hợp lệ. Hãy quay lại và thử lại."))

    @app.errorhandler(DataError)
    def not_kept(error: DataError) -> ResponseReturnValue:
        # No column holds it: a NUL, a number without end. Nobody types that.
        log.warning("refused", kind="no-such-value", endpoint=request.endpoint, request_id=g.get("request_id"))
        return page(400, _("Không thực hiện được"), _("Yêu cầu này không hợp lệ. Hãy quay lại và thử lại."))

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> ResponseReturnValue:
        # The type and the place, never the message: it may repeat what somebody typed.
        log.error(
            "broken",
            error=type(error).__name__,
            at=_place_of(error),
            endpoint=request.endpoint,
            request_id=g.get("request_id"),
        )
        text = _(
            "Lỗi của phần mềm, không phải của anh/chị. Mã để báo lại: %(code)s. Việc gấp: gọi 111.",
            code=g.get("request_id", ""),
        )
        return page(500, _("Có lỗi xảy ra"), text)


def words_of(error: CaseworkError) -> tuple[str, str]:
    """(title, text) for an expected refusal, in the reader's language."""
    if isinstance(error, IllegalMove):
        law = the_office().law
        move = law.actions.get(error.action)
        state = law.states.get(error.state)
        allowed = ", ".join(law_text(law.actions[one].title) for one in error.allowed if one in law.actions)
        return (
            _("Bước này chưa làm được lúc này"),
            _(
                "Không thể “%(move)s” khi ca đang ở “%(state)s”. Lúc này có thể: %(allowed)s.",
                move=law_text(move.title) if move else error.action,
                state=law_text(state.title) if state else error.state,
                allowed=allowed or _("không có bước nào"),
            ),
        )
    if isinstance(error, GuardRefused):
        return _("Chưa đủ điều kiện của luật"), guard_words(error.guard)
    if isinstance(error, Forbidden) and error.reason == "deputy-off-duty":
        return (
            _("Chưa phải lượt anh/chị quyết định"),
            _("Phó Chủ tịch quyết định thay khi ca trực ghi như vậy hoặc khi Chủ tịch nghỉ. Ca trực do quản trị ghi."),
        )
    if isinstance(error, Forbidden) and error.reason == "own-submission":
        return (
            _("Cần người giám sát thứ hai"),
            _("Tỉnh giữ ca này thay xã: ai đã trình thì không tự quyết định. Người giám sát khác quyết định bước này."),
        )
    words = {
        "not-found": (_("Không tìm thấy"), _("Trang này không có, hoặc không thuộc phần việc của anh/chị.")),
        "forbidden": (_("Không thuộc quyền quyết định của anh/chị"), _("Bước này do người khác quyết định.")),
        "read-budget-spent": (
            _("Đã mở quá nhiều ca trong một giờ"),
            _(
                "Cấp tỉnh đã được báo. Ca đã mở trong giờ qua vẫn đọc được; ca khác mở được khi một giờ đã qua. Việc gấp: gọi 111."
            ),
        ),
        "break-glass-spent": (
            _("Hôm nay không mở khẩn cấp được nữa"),
            _("Đã thử quá nhiều lần trong 24 giờ. Hãy gọi người giám sát của tỉnh; việc gấp: gọi 111."),
        ),
        "stale": (_("Có người vừa sửa"), _("Nội dung đã thay đổi từ lúc anh/chị mở trang. Hãy tải lại rồi làm tiếp.")),
        "invalid": (_("Chưa đúng"), _("Có câu trả lời chưa đúng. Hãy quay lại và sửa.")),
    }
    return words.get(error.kind, (_("Không thực hiện được"), _("Hãy quay lại và thử lại. Việc gấp: gọi 111.")))


def guard_words(guard: str) -> str:
    words = {
        "commune-known": _("Chưa rõ xã nơi xảy ra vụ việc: chuyển về xã trước."),
        "reason-when-lower": _("Kết luận thấp hơn mức nguy cơ đã ghi: phải nêu lý do."),
        "not-separated": _("Trẻ đang được tạm thời cách ly: hủy hoặc hết thời hạn cách ly trước."),
        "separated": _(
            "Trẻ không trong thời gian tạm thời cách ly, hoặc đã hết thời hạn: muốn tiếp tục phải ra quyết định mới."
        ),
        "separation-over": _("Thời hạn tạm thời cách ly chưa hết."),
        "separation-named": _("Quyết định cách ly phải nêu trường hợp của Điều 32 khoản 1 và người tiếp nhận trẻ."),
        "extension-within-limit": _(
            "Ngày hết mới phải sau ngày hết hiện nay và tổng cộng không quá 15 ngày, trừ khi cơ quan có thẩm quyền yêu cầu"
            " bằng văn bản được nêu (Điều 32 khoản 3)."
        ),
        "another-person": _("Người xem lại phải khác người đã kết luận."),
        "lower-conclusion-waits": _("Không có kết luận nào của Mẫu 03 chờ người thứ hai xem lại."),
        "plan-has-activities": _("Chưa có kế hoạch nào được duyệt."),
        "activity-of-the-plan": _("Hoạt động này không có trong kế hoạch đã duyệt."),
        "still-safe-and-stable": _(
            "Đánh giá gần nhất không còn cho thấy trẻ hết nguy cơ và ổn định (Điều 30 khoản 1 điểm b)."
        ),
        "no-hand-over-open": _("Đã có một đề nghị bàn giao đang chờ trả lời."),
        "not-refused-before": _("Ca này đã bị từ chối một lần."),
        "refused-before": _("Ca này chưa bị từ chối lần nào."),
        "not-refused-twice": _("Ca đã bị từ chối hai lần: cấp tỉnh chỉ định xã chịu trách nhiệm."),
        "refused-twice": _("Cấp tỉnh chỉ định khi ca đã bị từ chối hai lần."),
        "separation-within-fifteen-days": _(
            "Tạm thời cách ly không quá 15 ngày (Điều 32 khoản 3); ngày bắt đầu, số ngày và ngày hết phải khớp nhau."
        ),
        "new-specific-assessment": _(
            "Phải có Mẫu 03 mới, làm sau khi cách ly, kết luận trẻ an toàn (Điều 32 khoản 3)."
        ),
        "activities-named": _("Kế hoạch phải có ít nhất một hoạt động."),
        "review-found-stable": _("Mẫu 06 gần nhất không kết luận trẻ ổn định và hết nguy cơ."),
        "monitored-three-months": _("Chưa đủ 3 tháng theo dõi (Điều 30 khoản 1)."),
    }
    return words.get(guard, guard)


def page(status: int, title: str, text: str) -> ResponseReturnValue:
    return render_template("pages/refused.html", title=title, text=text, status=status), status


def _place_of(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "unknown"
