"""How long somebody waits from `casework demo` on an empty folder to the sign-in page: `python -m tests.bench.ready`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from tests.bench.house import House, load_note, new_house, stop, wait_for

LIMIT_SECONDS = 15.0


@contextmanager
def demo(house: House, *more: str) -> Iterator[float]:
    """`casework demo` in the house's folder; gives the seconds from its start until /dang-nhap answers."""
    began = time.monotonic()
    process: subprocess.Popen[str] = house.start(
        "demo", "--data", str(house.folder), "--port", str(house.port), *more, log=house.folder.with_suffix(".log")
    )
    try:
        wait_for(f"{house.url}/dang-nhap", process)
        yield time.monotonic() - began
    finally:
        stop(process)


@click.command()
def main() -> None:
    """Time `casework demo` from nothing to its sign-in page."""
    with new_house(prepared=False) as house, demo(house) as seconds:
        ok = seconds <= LIMIT_SECONDS
        click.echo(f"{'OK' if ok else 'FAILED'}: ready in {seconds:.1f} s (limit {LIMIT_SECONDS:.0f}); {load_note()}")
    if not ok:
        sys.exit(1)


if __name__ == "__main__":
    main()
