"""The demo with a local Twilio before it: an alert leaves over HTTP, its receipt comes back signed, the page follows by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.stage import DESK, PHONE, Stage, axe_faults, running_demo, scrolls_sideways, sign_in
from tests.notices.twilio_api import ACCOUNT, TOKEN, Message, Provider, provider

pytestmark = pytest.mark.browser
REPORT = {
    "incident_commune": "99001",
    "danger_now": True,
    "kinds": ["violence"],
    "child": {"name": "Vừ Mí Thử", "age_estimate": 9, "sex": "male"},
    "narrative": "Nghe tiếng đánh, diễn tập",
}


@pytest.fixture
def peer() -> Iterator[Provider]:
    with provider() as peer:
        yield peer


@pytest.fixture
def twilio_stage(peer: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    settings = {
        "CASEWORK_SMS": "twilio",
        "CASEWORK_TWILIO_API": peer.address,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": "MG" + "1" * 32,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with running_demo() as stage:
        yield stage


def message_about(peer: Provider, text: str, seconds: float = 30) -> Message:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = [one for one in peer.messages if one.body.startswith(text)]
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(f"no message {text!r} came")


def test_the_demo_speaks_twilio_and_the_open_page_follows(
    browser: Browser, twilio_stage: Stage, peer: Provider
) -> None:
    worker = sign_in(browser, twilio_stage, "worker", DESK)
    worker.clock.install()
    worker.goto(twilio_stage.url + "/thong-bao")
    worker.get_by_role("button", name="Đánh dấu đã xem tất cả").click()
    headers = {"Authorization": f"Bearer {twilio_stage.api_key}"}
    answer = httpx.post(twilio_stage.url + "/api/v1/reports", json=REPORT, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 201
    message = message_about(peer, "VIEC KHAN")
    assert message.fields["MessagingServiceSid"].startswith("MG")
    assert peer.report(message, "delivered") == 204
    worker.clock.run_for(60_000)  # the page asks anew by itself: nobody waits that minute here
    worker.wait_for_function("() => !document.querySelector('[data-notices] .dot').hidden", timeout=30_000)
    worker.goto(twilio_stage.url + "/thong-bao")
    assert worker.get_by_text("đã đến máy").count() >= 1
    for size in (DESK, PHONE):
        worker.set_viewport_size({"width": size[0], "height": size[1]})
        assert axe_faults(worker) == [] and not scrolls_sideways(worker)
    worker.get_by_role("button", name="Tôi nhận việc này").first.click()
    assert worker.get_by_text("Anh/chị đã nhận việc của ca").count() == 1
