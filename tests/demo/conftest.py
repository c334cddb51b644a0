"""One demo for the whole room, made by the real command as a newcomer would make it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from casework.db import OWNER_ROLE, EmbeddedServer


def casework(*arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; `data` is its CASEWORK_DATA_DIR, and nothing else of CASEWORK_* is set."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CASEWORK_")}
    if data is not None:
        environment["CASEWORK_DATA_DIR"] = str(data)
    return subprocess.run(
        [sys.executable, "-m", "casework", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )


@dataclass(frozen=True)
class Prepared:
    """A demo's folder, and what `demo --json` told of it."""

    folder: Path
    printed: str
    told: dict[str, Any]

    @property
    def owner_url(self) -> str:
        return EmbeddedServer(self.folder).url(OWNER_ROLE)


@pytest.fixture(scope="session")
def demo() -> Iterator[Prepared]:
    above = Path(tempfile.mkdtemp(prefix="casework-demo-"))
    above.chmod(0o711)  # the database's own account walks through it
    folder = above / "demo"
    done = casework("demo", "--json", "--no-serve", "--data", str(folder))
    assert done.returncode == 0, done.stderr
    yield Prepared(folder, done.stdout, json.loads(done.stdout))
    casework("demo", "--stop", "--data", str(folder))
    shutil.rmtree(above)
