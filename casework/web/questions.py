"""What the pages that ask for a second factor share: the open question in the cookie, what was answered, what is said of it."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, current_app, flash, request, session
from flask_babel import gettext as _

from casework.errors import NotFound, TooManyAttempts
from casework.notices.service import About, notify
from casework.people.agents import Client, family_of
from casework.people.factors import Answer, Outcome, Purpose, Site, Verdict, passkey_question, site_of
from casework.people.models import Staff
from casework.people.sessions import note_client
from casework.policy import network_of
from casework.web.door import begin, the_office
from casework.web.wording import length_text
from casework.work import Work

AFTER = "after"  # in the cookie: where somebody was going when a second factor had to be set up first
_ASKED = "asked"
LOOPBACK = ("127.0.0.0", "::")  # a reverse proxy on this machine: says nothing of who asks


def site() -> Site | None:
    """Where this office's passkeys belong, or None where it has an address that browsers know no passkeys for."""
    return site_of(the_office().settings.public_url)


def keep_question(purpose: Purpose, token: str) -> None:
    """The question goes with the browser, never in an address."""
    session[_ASKED] = {**session.get(_ASKED, {}), purpose.value: token}


def kept_question(purpose: Purpose) -> str:
    found: str = session.get(_ASKED, {}).get(purpose.value, "")
    return found


def forget_question(purpose: Purpose) -> None:
    session[_ASKED] = {name: token for name, token in session.get(_ASKED, {}).items() if name != purpose.value}


def enter_session(token: str) -> None:
    """A new signed-in state starts from nothing but the language: no value planted before sign-in lives on."""
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    session["_user_id"] = token
    with begin() as work:
        note_client(work, token, client())


def typed_answer(prefix: str = "") -> Answer:
    """What the form gave: boxes `code`, `recovery`, `credential` and `password`, with `prefix` before their names."""
    return Answer(
        code=request.form.get(f"{prefix}code", "")[:40],
        recovery=request.form.get(f"{prefix}recovery", "")[:80],
        passkey=request.form.get(f"{prefix}credential", ""),
        password=request.form.get(f"{prefix}password", "")[:1000],
    )


def passkey_json(work: Work, purpose: Purpose) -> Response:
    """What a page's script hands to the browser. Raises NotFound where there is no question or no passkeys."""
    here = site()
    if here is None:
        raise NotFound
    asked = passkey_question(work, purpose, kept_question(purpose), here)
    return current_app.response_class(asked, mimetype="application/json")


def network() -> str:
    """Where the guess comes from, for the count of guesses; "" where that says nothing."""
    found = network_of(request.remote_addr)
    return "" if found in LOOPBACK else found


def client() -> Client:
    return Client(network_of(request.remote_addr), family_of(request.headers.get("User-Agent", "")))


def refusal(outcome: Outcome, given: Answer) -> str:
    """The sentence for an answer that was not right."""
    if outcome.verdict == Verdict.OVER:
        return _("Yêu cầu xác nhận đã hết hạn hoặc đã thử quá nhiều lần. Hãy làm lại từ đầu.")
    if given.passkey:
        return _("Không xác nhận được bằng khoá truy cập này. Hãy thử lại hoặc dùng cách khác.")
    if given.recovery:
        return _("Mã khôi phục không đúng hoặc đã dùng.")
    if given.password:
        return _("Mật khẩu không đúng.")
    return _("Mã không đúng hoặc đã dùng. Chờ mã mới trong ứng dụng rồi nhập lại.")


def wait_words(refused: TooManyAttempts) -> str:
    if refused.closed:
        return _("Đã thử sai quá nhiều lần. Liên hệ quản trị hoặc cấp tỉnh để mở lại.")
    wait = length_text(timedelta(seconds=refused.wait_seconds + 59))
    return _("Đã thử sai nhiều lần. Chờ %(wait)s rồi thử lại.", wait=wait)


def tell_owner(work: Work, staff: Staff, text_id: str = "factor-changed") -> None:
    """The owner hears of every change of their factors, and of a passkey that may have been copied."""
    notify(work, staff, text_id=text_id, about=About(None, ""))


def tell_of_sign_in(work: Work, outcome: Outcome) -> None:
    """What the owner should hear of how somebody proved to be them: a copied passkey, a recovery code."""
    if outcome.staff is None:
        return
    if outcome.verdict == Verdict.CLONED:
        tell_owner(work, outcome.staff, "passkey-suspect")
    elif outcome.verdict == Verdict.RIGHT and outcome.by == "recovery-code":
        tell_owner(work, outcome.staff, "recovery-code-used")


def warn_of_recovery(outcome: Outcome) -> None:
    if outcome.by == "recovery-code":
        flash(_("Đã dùng một mã khôi phục. Mở “Bảo mật của tôi” để thiết lập lại ứng dụng hoặc lấy mã mới."), "warning")
