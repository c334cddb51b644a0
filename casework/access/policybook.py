"""Reads policy.toml and checks that it holds together: an office with a policy it does not understand does not open."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from casework.access.engine import EVERY, Policy, Rule
from casework.errors import UnsafeStart
from casework.law.model import FIELD_GROUPS, Text

FILE = "policy.toml"
TABLES = ("group", "action", "purpose", "condition", "rule")
RULE_KEYS = frozenset(("id", "title", "actions", "groups", "purposes", "when", "refused", "source", "by_product"))
_ID = re.compile(r"\s*id\s*=\s*\"([^\"]*)\"")


@dataclass(frozen=True)
class Told:
    """What a person reads of a rule: its title, the article it rests on, and whether the product decided it."""

    title: Text
    source: str
    by_product: bool


@dataclass(frozen=True)
class Book:
    """The policy with its words. `groups` are its own besides the law's; `refusals`: condition → what failing it is called."""

    policy: Policy
    told: Mapping[str, Told]
    groups: Mapping[str, Text]
    actions: Mapping[str, Text]
    purposes: Mapping[str, Text]
    conditions: Mapping[str, Text]
    refusals: Mapping[str, str]

    @property
    def all_groups(self) -> tuple[str, ...]:
        return (*FIELD_GROUPS, *(one for one in self.groups if one not in FIELD_GROUPS))


def policy_book(known: Collection[str]) -> Book:
    """The office's own policy (read once: it is part of the program). `known` are the conditions the program can judge.
    Raises UnsafeStart naming file and line of what does not hold together."""
    return _own(frozenset(known))


@cache
def _own(known: frozenset[str]) -> Book:
    return read_policy(resources.files("casework.access").joinpath(FILE).read_text("utf-8"), known)


def read_policy(text: str, known: Collection[str], *, name: str = FILE) -> Book:
    """The policy of a TOML text. Raises UnsafeStart with one line a fault: file, line, entry, what is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise UnsafeStart(f"{name}: {fault}") from None
    faults = [
        f"{name}:{_line(text, kind, entry, word)}: {kind} {entry}: {why}"
        for kind, entry, word, why in _faults(raw, known)
    ]
    if faults:
        raise UnsafeStart("; ".join(faults))
    rules = raw["rule"]
    return Book(
        policy=Policy(tuple(map(_rule, rules))),
        told={one["id"]: Told(_text(one), one.get("source", ""), bool(one.get("by_product"))) for one in rules},
        groups=_titles(raw, "group"),
        actions=_titles(raw, "action"),
        purposes=_titles(raw, "purpose"),
        conditions=_titles(raw, "condition"),
        refusals={one["id"]: one["refused"] for one in raw["condition"]},
    )  # fmt: skip


def _rule(raw: Mapping[str, Any]) -> Rule:
    return Rule(
        id=raw["id"],
        actions=frozenset(raw["actions"]),
        groups=frozenset(raw["groups"]),
        purposes=frozenset(raw["purposes"]),
        when=tuple(map(tuple, raw["when"])),
        refused=dict(raw.get("refused", {})),
    )


def _titles(raw: Mapping[str, Any], kind: str) -> dict[str, Text]:
    return {one["id"]: _text(one) for one in raw.get(kind, [])}


def _text(raw: Mapping[str, Any]) -> Text:
    return Text(raw["title"]["vi"], raw["title"]["en"])


# ---------------------------------------------------------------- what may be wrong

Fault = tuple[str, str, str, str]  # kind of entry, its id, the word to find its line by, what is wrong


def _faults(raw: Mapping[str, Any], known: Collection[str]) -> Iterator[Fault]:
    for kind in raw.keys() - set(TABLES):
        yield kind, "", "", "unknown kind of entry"
    for kind in TABLES:
        yield from _faults_of_table(raw, kind)
    for one in raw.get("condition", []):
        name = str(one.get("id"))
        if name not in known:
            yield "condition", name, "", "the program has no such condition"
        if not one.get("refused"):
            yield "condition", name, "", "has no word for its refusal"
    told = {one.get("id") for one in raw.get("condition", [])}
    for name in sorted(set(known) - told):
        yield "condition", name, "", "is not told in this file"
    for one in raw.get("rule", []):
        yield from _faults_of_rule(raw, one, told)


def _faults_of_table(raw: Mapping[str, Any], kind: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for one in raw.get(kind, []):
        entry = str(one.get("id", ""))
        if not entry:
            yield kind, entry, "", "has no id"
        if entry in seen:
            yield kind, entry, "", "stands here twice"
        seen.add(entry)
        title = one.get("title")
        if not isinstance(title, dict) or not title.get("vi") or not title.get("en"):
            yield kind, entry, "title", "has no title in Vietnamese and English"
    if not seen:
        yield kind, "", "", "none in this file"


def _faults_of_rule(raw: Mapping[str, Any], rule: Mapping[str, Any], told: Collection[Any]) -> Iterator[Fault]:
    entry = str(rule.get("id", ""))
    for key in sorted(rule.keys() - RULE_KEYS):
        yield "rule", entry, key, f"unknown key '{key}'"
    if not rule.get("source") and rule.get("by_product") is not True:
        yield "rule", entry, "source", "has no source, and does not say that the product decided it"
    words = {
        "actions": {one.get("id") for one in raw.get("action", [])},
        "groups": {*FIELD_GROUPS, *(one.get("id") for one in raw.get("group", []))},
        "purposes": {one.get("id") for one in raw.get("purpose", [])},
    }
    for key, allowed in words.items():
        if not _is_words(rule.get(key)):
            yield "rule", entry, key, f"{key} must be a list of words"
            continue
        for word in rule[key]:
            if word not in allowed and word != EVERY:
                yield "rule", entry, f'"{word}"', f"unknown {key[:-1]} '{word}'"
    when = rule.get("when")
    if not isinstance(when, list) or not when or not all(_is_words(one) and one for one in when):
        yield "rule", entry, "when", "when must be a list of lists of conditions, none empty"
        return
    for name in dict.fromkeys(name for conditions in when for name in conditions):
        if name not in told:
            yield "rule", entry, f'"{name}"', f"unknown condition '{name}'"
    for name in rule.get("refused", {}):
        if not any(name in conditions for conditions in when):
            yield "rule", entry, f'"{name}"', f"refuses by '{name}', which is none of its conditions"


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _line(text: str, kind: str, entry: str, word: str) -> int:
    """The line of `word` inside the entry, else of the entry's id, else of the first entry of its kind, from 1."""
    lines = text.splitlines()
    start = _start_of(lines, kind, entry)
    end = next((at for at in range(start + 1, len(lines)) if lines[at].startswith("[")), len(lines))
    found = (at for at in range(start, end) if word and word in lines[at].split("#")[0])
    return next(found, start) + 1


def _start_of(lines: Sequence[str], kind: str, entry: str) -> int:
    heads = [at for at, line in enumerate(lines) if line.strip() == f"[[{kind}]]"]
    for at in heads:
        for line in lines[at + 1 :]:
            if line.startswith("["):
                break
            named = _ID.match(line)
            if named:
                if named[1] == entry:
                    return at
                break
    return heads[0] if heads else 0
