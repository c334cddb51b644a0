"""A demo running as a newcomer would start it, and a real Chromium in front of it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).resolve().parents[1] / "axe.min.js"
DESK, PHONE = (1366, 768), (360, 640)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
NO_BROWSER = f"no browser at {CHROMIUM}: apt-get install chromium"
CODE = re.compile(r"T[EN]-\d\d-[0-9A-Z]{6}")


@dataclass(frozen=True)
class Stage:
    """The running demo: where it is and whom it lets in."""

    url: str
    accounts: dict[str, dict[str, str]]
    api_key: str
    folder: Path


@contextmanager
def running_demo(*options: str) -> Iterator[Stage]:
    """`casework demo` in a process of its own, on a folder and a port of its own, stopped and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="casework-stage-"))
    folder.chmod(0o711)  # the database's own account walks through it
    port = _free_port()
    command = [sys.executable, "-m", "casework", "demo", "--json", "--port", str(port), "--data", str(folder / "demo")]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        _wait_for(told["url"] + "/healthz")
        accounts = {account["role"]: account for account in told["accounts"]}
        yield Stage(told["url"], accounts, told["api_key"], folder / "demo")
    finally:
        process.terminate()
        process.wait(timeout=30)
        if process.stdout:
            process.stdout.close()
        subprocess.run(
            [sys.executable, "-m", "casework", "demo", "--stop", "--data", str(folder / "demo")], check=False
        )
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


def sign_in(browser: Browser, stage: Stage, role: str, size: tuple[int, int] = DESK) -> Page:
    """A fresh window in which the account of `role` has signed in through the form."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="vi-VN", timezone_id="Asia/Ho_Chi_Minh"
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(stage.url + "/dang-nhap")
    account = stage.accounts[role]
    page.fill("#username", account["username"])
    page.fill("#password", account["password"])
    page.click("form.sign-in button[type=submit]")
    page.wait_for_load_state()
    return page


def axe_faults(page: Page, *, colours: bool = True) -> list[str]:
    """WCAG 2.2 A and AA violations of the page as it stands, one line each; `colours`: their contrast too."""
    page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {resultTypes: ['violations'], rules,"
        " runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})",
        {"color-contrast": {"enabled": colours}},
    )
    return [
        f"{fault['id']}: {fault['help']}: {', '.join(node['html'][:120] for node in fault['nodes'][:3])}"
        for fault in found["violations"]
    ]


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # our own loopback address
                return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
