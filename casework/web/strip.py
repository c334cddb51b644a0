"""The ageing strip: one dot a running limit, higher where more of its time is used. Coordinates only; the template draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 220  # units of the drawing
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 28
HIGHEST = 1.5  # of the limit; what is later still sits on the top edge, its table says how many
LANES = 5  # dots of one step side by side


@dataclass(frozen=True)
class Spot:
    x: float
    y: float
    look: str  # "late", "soon" or "fine": as the clock chip says it
    label: str


@dataclass(frozen=True)
class Strip:
    width: int
    height: int
    left: int
    right: float
    limit_y: float
    base_y: float
    columns: Sequence[float]  # middle of each step
    spots: Sequence[Spot]


def strip_plot(columns: int, dots: Sequence[tuple[int, float, str]]) -> Strip:
    """`dots` are (step from 0, share of the time used, code). Dots of one step take turns in lanes, so that none hides."""
    wide = (WIDTH - LEFT - RIGHT) / columns
    turn = [0] * columns
    spots = []
    for column, used, code in dots:
        lane = turn[column] % LANES
        turn[column] += 1
        spots.append(
            Spot(
                x=round(LEFT + wide * (column + (lane + 1) / (LANES + 1)), 1),
                y=round(_height_of(used), 1),
                look="late" if used >= 1 else "soon" if used >= 0.75 else "fine",
                label=f"{code} · {round(used * 100)} %",
            )
        )
    middles = [round(LEFT + wide * (column + 0.5), 1) for column in range(columns)]
    return Strip(WIDTH, HEIGHT, LEFT, WIDTH - RIGHT, round(_height_of(1), 1), round(_height_of(0), 1), middles, spots)


def _height_of(used: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(used, HIGHEST) / HIGHEST)
