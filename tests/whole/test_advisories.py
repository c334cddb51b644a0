"""A pinned library with a known fault is red until it is mended or listed, and only for its days; no network is no red.

pip-audit itself asks a local server that speaks the shape of osv.dev (https://google.github.io/osv.dev/post-v1-query/).
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.whole.advisories import LIST, PINS, ROOT, main, waiting

FAULTY = ("example-lib", "1.0.0")
ANSWER = {
    "vulns": [
        {
            "id": "PYSEC-2026-1",
            "aliases": ["CVE-2026-0001"],
            "summary": "an invented fault",
            "modified": "2026-11-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": FAULTY[0], "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}],
                    "versions": [FAULTY[1]],
                }
            ],
        }
    ]
}
WAITS = '[days]\naccount = 14\n[[waits]]\nadvisory = "CVE-2026-0001"\nknown = 2026-11-01\nreach = "account"\nwhy = "unused"\n'


class Osv(BaseHTTPRequestHandler):
    asked: list[Any]
    status = 200

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(question)
        faulty = (question["package"]["name"], question["version"]) == FAULTY
        body = json.dumps(ANSWER if faulty else {}).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def osv() -> Iterator[tuple[str, type[Osv]]]:
    """(the server's address, its handler, whose `status` answers and whose `asked` is what was asked)"""
    handler = type("OneOsv", (Osv,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query", handler
    server.shutdown()
    server.server_close()


def pins(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "pins.txt"
    path.write_text("".join(f"{line} \\\n    --hash=sha256:{'0' * 64}\n" for line in lines), "utf-8")
    return str(path)


def run(pins: str, url: str, *more: str, today: date = date(2026, 11, 10)) -> int:
    return main([pins, "--osv-url", url, *more], today)


def test_a_known_fault_is_red_until_it_is_mended(
    osv: tuple[str, type[Osv]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, server = osv
    assert run(pins(tmp_path, "example-lib==1.0.0", "flask==3.1.3"), url) == 1
    assert "NOT LOOKED AT  example-lib 1.0.0: PYSEC-2026-1 CVE-2026-0001, mended in 1.0.1" in capsys.readouterr().out
    assert sorted(one["package"]["name"] for one in server.asked) == ["example-lib", "flask"]
    assert run(pins(tmp_path, "example-lib==1.0.1"), url) == 0


def test_a_fault_that_is_being_dealt_with_is_red_when_its_days_are_over(
    osv: tuple[str, type[Osv]], tmp_path: Path
) -> None:
    listed = tmp_path / "list.toml"
    listed.write_text(WAITS, "utf-8")
    for today, code in ((date(2026, 11, 15), 0), (date(2026, 11, 16), 1)):
        assert run(pins(tmp_path, "example-lib==1.0.0"), osv[0], "--list", str(listed), today=today) == code


def test_a_service_out_of_reach_is_said_and_is_not_red_and_anything_else_is(
    osv: tuple[str, type[Osv]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        silent = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1/query"
        file = pins(tmp_path, "example-lib==1.0.0")
        assert run(file, silent) == 0 and "ADVISORIES NOT CHECKED" in capsys.readouterr().out
        assert run(file, silent, "--must-ask") == 2
    osv[1].status = 503
    assert run(file, osv[0]) == 0 and "ADVISORIES NOT CHECKED" in capsys.readouterr().out
    with pytest.raises(Exception, match="not-pinned"):
        run(pins(tmp_path, "not-pinned>=1"), osv[0])


def test_the_days_are_those_that_are_documented_and_ci_asks() -> None:
    waiting(LIST.read_text("utf-8"))
    said = " ".join((ROOT / "docs" / "running-securely.md").read_text("utf-8").split())
    for words in ("within 3 days", "within 14", "within 60", "python -m tests.whole.advisories --must-ask"):
        assert words in said
    days = LIST.read_text("utf-8")
    assert all(line in days for line in ("outside = 3 ", "account = 14 ", "other = 60"))
    assert ".venv/bin/python -m tests.whole.advisories ||" in (ROOT / ".ci" / "run").read_text("utf-8")
    runtime = {
        line.split(" ")[0] for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if "==" in line
    }
    assert runtime <= {line.split(" ")[0] for line in PINS.read_text("utf-8").splitlines() if "==" in line}
