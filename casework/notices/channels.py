"""The other ways by which an urgent message is told again: their order, times and words. Pure; the data are in channels.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from casework.clock import local
from casework.errors import LawFault
from casework.notices.models import Channel

SEPARATORS = "-"


@dataclass(frozen=True)
class Step:
    """One channel to try, `gap` after the one before."""

    channel: Channel
    gap: timedelta


@dataclass(frozen=True)
class Words:
    """What one channel says: `plain` where there is no code."""

    subject: str
    body: str
    plain: str


@dataclass(frozen=True)
class Reader:
    """Who reads a voice call aloud, in Twilio's words, and how often."""

    language: str
    voice: str
    times: int


@dataclass(frozen=True)
class Plan:
    """`unconfirmed`: how long an SMS may stay unconfirmed before the first step."""

    unconfirmed: timedelta
    steps: tuple[Step, ...]
    words: Mapping[Channel, Words]
    push_hosts: tuple[str, ...]
    reader: Reader


@cache
def plan() -> Plan:
    """The committed plan (read once: it is part of the program). Raises LawFault for data that do not hold together."""
    return read_plan(tomllib.loads(resources.files("casework.notices").joinpath("channels.toml").read_text("utf-8")))


def read_plan(raw: Mapping[str, Any]) -> Plan:
    """Raises LawFault: a channel that does not exist or stands twice, one without words, steps that take too long."""
    when, steps = raw["when"], raw["step"]
    names = [one["channel"] for one in steps]
    others = {one.value for one in Channel} - {Channel.SMS.value}
    faults = [f"channels.toml: {name}: no other channel than SMS" for name in names if name not in others]
    faults += [f"channels.toml: {name}: twice" for name in sorted({one for one in names if names.count(one) > 1})]
    faults += [f"channels.toml: {name}: has no words" for name in names if name not in raw]
    gaps = [int(one["gap"]) for one in steps]
    if min([when["unconfirmed"], *gaps]) < 0 or when["unconfirmed"] + sum(gaps) + when["tick"] > when["within"]:
        faults.append(f"channels.toml: the steps do not begin within {when['within']} seconds")
    if faults:
        raise LawFault(faults)
    return Plan(
        unconfirmed=timedelta(seconds=when["unconfirmed"]),
        steps=tuple(Step(Channel(one["channel"]), timedelta(seconds=one["gap"])) for one in steps),
        words={
            Channel(name): Words(raw[name]["subject"], raw[name]["body"], raw[name]["plain"])
            for name in sorted(others)
            if name in raw
        },
        push_hosts=tuple(raw["push"]["services"]["hosts"]),
        reader=Reader(**raw["voice"]["reader"]),
    )


def channel_text(channel: Channel, *, code: str, due_at: datetime | None, now: datetime) -> str:
    """What this channel says of a case: its code and its time, and nothing else. `due_at` is shown in Vietnam's time."""
    words = plan().words[channel]
    if not code:
        return words.plain
    moment = local(due_at).strftime("%H:%M %d/%m") if due_at is not None else "sớm nhất"
    return words.body.format(code=code, spelled=spelled(code), left=time_left(due_at, now), time=moment)


def time_left(due_at: datetime | None, now: datetime) -> str:
    """In words: to the minute on the last day, to the hour on the last two, then in whole days."""
    if due_at is None:
        return "cần xem sớm"
    if due_at <= now:
        return "đã quá hạn"
    minutes = int((due_at - now).total_seconds() // 60)
    hours, days = minutes // 60, minutes // (24 * 60)
    if hours >= 48:
        return f"còn {days} ngày"
    if hours >= 24:
        return f"còn {hours} giờ"
    return f"còn {hours} giờ {minutes % 60} phút" if hours else f"còn {minutes} phút"


def spelled(code: str) -> str:
    """A code as it is read aloud, sign by sign."""
    return ", ".join(sign for sign in code if sign not in SEPARATORS)


def is_push_service(host: str) -> bool:
    """Whether this is a browser maker's push service."""
    return any(host == known or (known.startswith(".") and host.endswith(known)) for known in plan().push_hosts)
