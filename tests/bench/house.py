"""A demo of one's own in a folder that goes away: real processes, real HTTP. The database outlives every other process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from casework.bootstrap import Office, open_office
from casework.db import EmbeddedServer
from casework.settings import Settings, from_environment

CASEWORK = Path(sys.executable).with_name("casework")
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
START_PATIENCE_SECONDS = 180.0


@dataclass
class House:
    """A prepared demo in `folder`. `told` is what `casework demo --json` printed."""

    folder: Path
    port: int
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CASEWORK_")}
        return {**kept, "CASEWORK_DATA_DIR": str(self.folder), "CASEWORK_PUBLIC_URL": self.url}

    @property
    def settings(self) -> Settings:
        return from_environment(self.environment)

    @property
    def server(self) -> EmbeddedServer:
        return EmbeddedServer(self.folder)

    def office(self) -> Office:
        return open_office(self.settings)

    def password(self, role: str) -> tuple[str, str]:
        """The user name and the password that the demo printed for a role."""
        account = next(one for one in self.told["accounts"] if one["role"] == role)
        return account["username"], account["password"]

    def prepare(self) -> None:
        """`casework demo --no-serve --json`: the database stays up behind it."""
        self.told = json.loads(self.run("demo", "--no-serve", "--json", "--data", str(self.folder)))

    def run(self, *arguments: str) -> str:
        """A `casework` command to its end; returns what it printed. Raises CalledProcessError with its last words shown."""
        done = subprocess.run(
            [str(CASEWORK), *arguments], env=self.environment, stdout=subprocess.PIPE, check=False, text=True
        )
        done.check_returncode()
        return done.stdout

    def start(self, *arguments: str, log: Path | None = None) -> subprocess.Popen[str]:
        """A `casework` command in a process group of its own; what it says goes to `log`."""
        with (log or self.folder / f"{arguments[0]}.log").open("a") as sink:
            return subprocess.Popen(
                [str(CASEWORK), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                text=True,
                process_group=0,
            )

    @contextmanager
    def serving(self, *more: str) -> Iterator[None]:
        """`casework serve` with two workers, up and answering, until the block ends."""
        process = self.start("serve", "--port", str(self.port), "--workers", "2", *more)
        try:
            wait_for(f"{self.url}/healthz", process)
            yield
        finally:
            stop(process)

    def sign_in(self, role: str) -> httpx.Client:
        """A browser in which the demo's holder of a role has signed in."""
        username, password = self.password(role)
        client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        shown = TOKEN.search(client.get("/dang-nhap").text)
        assert shown is not None, "the sign-in page has no token"
        typed = {"username": username, "password": password, "csrf_token": shown[1]}
        answer = client.post("/dang-nhap", data=typed)
        assert answer.status_code == 303, f"{role} could not sign in: {answer.status_code}"
        return client


@contextmanager
def kept_house(folder: Path) -> Iterator[House]:
    """The demo in `folder`, made if there is none; it stays, and so does its data. Its database stops with the last user."""
    house = House(folder.expanduser().resolve(), free_port())
    try:
        house.prepare()
        yield house
    finally:
        house.server.stop_if_last()


@contextmanager
def new_house(*, prepared: bool = True) -> Iterator[House]:
    """A folder outside pytest's (as root the database runs as another account) with a demo in it, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="casework-bench-")).resolve()
    house = House(folder / "demo", free_port())
    try:
        if prepared:
            house.prepare()
        yield house
    finally:
        house.server.stop()
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[str]) -> float:
    """Seconds until `url` answers 200. Raises RuntimeError if the process ends or takes too long."""
    began = time.monotonic()
    while time.monotonic() - began < START_PATIENCE_SECONDS:
        if process.poll() is not None:
            raise RuntimeError(f"the process ended with {process.returncode}")
        if answers(url):
            return time.monotonic() - began
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer in {START_PATIENCE_SECONDS:.0f} s")


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def stop(process: subprocess.Popen[str], patience: float = 20.0) -> float:
    """Asks the process to end and returns how many seconds it took. Raises TimeoutExpired after killing its group."""
    began = time.monotonic()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        kill_group(process)
        raise
    return time.monotonic() - began


def kill_group(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the process and all it forked. The database is no child of it: its server made a session of its own."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def children(pid: int) -> Sequence[int]:
    """The processes whose parent is `pid` now."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if parent == pid:
            found.append(int(entry.name))
    return found


def load_note() -> str:
    """How busy the machine is: a figure without it means little."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
