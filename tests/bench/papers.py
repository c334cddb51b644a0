"""How long one paper takes, the press warm: `python -m tests.bench.papers`. Aim: 50 ms for every kind, as PDF.

Machines differ, so each figure stands beside its ratio to the index of an empty file, the shortest paper there is.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import click

from casework.papers.content import PaperContent
from casework.papers.pdf import Press
from casework.papers.word import docx
from tests.bench.house import load_note
from tests.papers.samples import KINDS, LAW, empty, sample

LIMIT_MS = 50.0


def median_ms(draw: Callable[[PaperContent], bytes], kind: str, *, turns: int) -> float:
    """Of papers that differ, so that none is remembered from the turn before."""
    took = []
    for turn in range(turns + 1):
        content = sample(kind, number=str(100 + turn), signer_name=f"Hoàng Thị Ánh {turn}")
        began = time.perf_counter()
        draw(content)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[1:])


@click.command()
@click.option("--turns", default=25, show_default=True, help="papers of each kind")
def main(turns: int) -> None:
    """Time every kind of paper, as PDF and as Word."""
    press = Press(LAW)
    base = median_ms(
        lambda one: press.pdf(replace(empty("file-index"), signer_name=one.signer_name)), "01", turns=turns
    )
    slowest = 0.0
    for kind in KINDS:
        pdf = median_ms(press.pdf, kind, turns=turns)
        word = median_ms(lambda content: docx(content, LAW), kind, turns=turns)
        slowest = max(slowest, pdf)
        click.echo(f"{kind:<18} PDF {pdf:5.1f} ms ({pdf / base:.1f} times an empty index)   Word {word:5.1f} ms")
    ok = slowest <= LIMIT_MS
    click.echo(f"{'OK' if ok else 'FAILED'}: slowest {slowest:.1f} ms (limit {LIMIT_MS:.0f}); {load_note()}")
    if not ok:
        sys.exit(1)


if __name__ == "__main__":
    main()
