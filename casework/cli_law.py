"""`casework check-law`, `make-docs` and `law …`: what a jurist asks of the law's data. None but `move-case` writes a row."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from casework.access import docs as access
from casework.access.policybook import policy_book
from casework.access.rules import CONDITIONS
from casework.bootstrap import Office
from casework.cases.editions import Moved, editions_for, find_case, move_to_edition, states_missing
from casework.cases.house import open_book
from casework.cli_common import Moment, settings_now, the_office
from casework.clock import local
from casework.deadlines.replay import Replayed, count_clocks, replay, replay_added
from casework.law.book import LawBook
from casework.law.calendar import Counted, calendar_of
from casework.law.deadlines import days_of, due
from casework.law.docs import pages_of
from casework.law.model import Law
from casework.work import SYSTEM, Work

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


# ---------------------------------------------------------------- the data


@click.command(name="check-law")
@click.argument("path", type=FOLDER, required=False)
@click.option("--running", is_flag=True, help="Also say what the data would change for running cases; writes nothing.")
def check_law(path: Path | None, running: bool) -> None:
    """Check the law's data files; every fault is one line with file, line and reason.

    PATH is a changed copy of the data: the folder with the editions, `common` and `overlays`, or one edition in it.
    Without it the data that the office runs on are checked. Exits 1 on any fault.
    """
    data = _data_of(path) if path else settings_now().law_dir
    book = open_book(data)
    for law in book:
        _tell_sound(law)
    if running:
        with the_office() as office:
            _tell_running(replace(office, book=book))


@click.command(name="make-docs")
@click.option("--to", "folder", type=FOLDER, default="docs", show_default=True, help="Folder to write them to.")
def make_docs(folder: Path) -> None:
    """Write procedure.md, deadlines.md and forms.md, the law's data as tables, and access.md, who may see what, from the
    data."""
    for name, page in every_page().items():
        (folder / name).write_text(page, encoding="utf-8")
        click.echo(str(folder / name))


def every_page() -> dict[str, str]:
    """File name → page, of everything that is written from data."""
    book = open_book()
    groups = max(book, key=lambda one: one.edition.in_force).groups
    return {**pages_of(book), access.PAGE: access.page_of(policy_book(CONDITIONS), groups)}


def _data_of(path: Path) -> Path:
    path = path.resolve()
    return path.parent if (path / "edition.toml").exists() else path


def _tell_sound(law: Law) -> None:
    if law.overlay is None:
        click.echo(
            f"{law.key}: {len(law.forms)} forms, {len(law.states)} states, {len(law.actions)} actions,"
            f" {len(law.deadlines)} deadlines, {len(law.articles)} articles: sound"
        )
        return
    own = sum(rule.overlay == law.overlay.id for rule in law.deadlines.values())
    click.echo(f"{law.key}: {own} limits of province {law.overlay.province}, none looser than the law: sound")


def _tell_running(office: Office) -> None:
    """`office` reads the real rows, but by the changed book."""
    with office.begin(SYSTEM) as work:
        _read_only(work)
        for code, what in states_missing(work):
            click.echo(f"{code}: {what} is missing")
        total = count_clocks(work, running=True)
        moved = [one for one in _shown(replay(work, running=True), total) if one.moves]
    for one in moved:
        click.echo(f"{one.case_code}  {one.rule}  {_moment(one.due_before)} → {_moment(one.due_after)}")
    click.echo(f"{total} open clocks, {len(moved)} would be due at another time")


# ---------------------------------------------------------------- casework law …


@click.group()
def law() -> None:
    """Ask the law's data."""


@law.command(name="due")
@click.argument("rule")
@click.argument("start", type=Moment())
@click.option("--province", help="GSO code: with that province's tighter limits.")
@AS_JSON
def law_due(rule: str, start: datetime, province: str | None, as_json: bool) -> None:
    """When RULE falls due if it began at START, and how it was counted, day by day.

    Counts by the edition in force on START's day and by the calendar of the data, without an office's own days.
    """
    whole = _law_for(open_book(settings_now().law_dir), start, province)
    known = [one.id for one in whole.deadlines.values() if not one.only_local]
    if rule not in known:
        raise click.UsageError(f"no rule {rule!r}; there are: {', '.join(known)}")
    limit = whole.deadlines[rule]
    found = due(limit, start, calendar_of(whole))
    days = days_of(limit, start, found)
    if as_json:
        click.echo(json.dumps({"due_at": local(found.due_at).isoformat(), "counted": [_as_json(one) for one in days]}))
        return
    click.echo(
        f"{limit.title.vi}: {_moment(found.due_at)}  ({limit.amount} {limit.unit}, {limit.article}, {whole.key})"
    )
    for one in days:
        click.echo(
            f"  {one.day:%d/%m/%Y}  {_tally(one):>6}  {one.why}{f': {one.holiday.title.vi}' if one.holiday else ''}"
        )


@law.command(name="replay")
@click.option(
    "--edition", required=True, help="Key of an edition (nd56-2017, nd56-2017+99), or the folder of a changed one."
)
@click.option("--since", required=True, type=Moment(), help="Only clocks begun at or after this day or moment.")
@AS_JSON
def law_replay(edition: str, since: datetime, as_json: bool) -> None:
    """Replay past clocks under the deadlines of another edition and print who would have been late. Writes nothing.

    A last day that a form set stands, cut to the other edition's maximum. Limits that only the other edition has are
    replayed from the acts in the audit trail; which outcome an act had is sealed, and not asked.
    """
    with the_office() as office:
        book, key = _edition(office, edition)
        with replace(office, book=book).begin(SYSTEM) as work:
            _read_only(work)
            found = list(_shown(replay(work, key, since=since), count_clocks(work, since=since)))
            found += replay_added(work, key, since=since)
            unseen = sorted(book.get(key).deadlines.keys() - {one.rule for one in found})
    if as_json:
        click.echo(json.dumps(_replay_json(key, since, found, unseen), ensure_ascii=False))
        return
    _tell_replay(key, since, found, unseen)


@law.command(name="move-case")
@click.argument("code")
@click.argument("edition")
@click.option("--reason", required=True, help="Why, for the case's file; sealed with it.")
def law_move_case(code: str, edition: str, reason: str) -> None:
    """Move the running case CODE to EDITION on purpose: audited, its open clocks counted anew and explained."""
    with the_office() as office, office.begin(SYSTEM) as work:
        moved = _move(work, code, edition, reason)
    for one in moved.clocks:
        click.echo(f"{one.rule}  {_moment(one.change.old_due)} → {_moment(one.change.new_due)}")
    for rule in moved.lapsed:
        click.echo(f"{rule}  lapsed: {moved.after} has no such limit")
    click.echo(f"{code}: {moved.before} → {moved.after}; {len(moved.clocks)} clocks moved, {moved.kept} as they were")


def _law_for(book: LawBook, start: datetime, province: str | None) -> Law:
    day = local(start).date()
    found = book.for_province(day, province) if province else book.in_force(day)
    if province and found.overlay is None:
        click.echo(f"province {province} has no limits of its own on {day:%d/%m/%Y}: the law's are counted", err=True)
    return found


def _edition(office: Office, named: str) -> tuple[LawBook, str]:
    """The book and the key in it: one of the office's editions, or a changed folder beside its own `common`."""
    folder = Path(named)
    if (folder / "edition.toml").exists():
        return open_book(_data_of(folder)), folder.resolve().name
    keys = [law.key for law in office.book]
    if named not in keys:
        raise click.UsageError(
            f"no edition {named!r}; there are: {', '.join(keys)}, or name a folder with edition.toml"
        )
    return office.book, named


def _move(work: Work, code: str, edition: str, reason: str) -> Moved:
    case = find_case(work, code)
    if case is None:
        raise click.UsageError(f"no case {code!r}")
    if edition not in editions_for(work, case):
        raise click.UsageError(f"{code} is under {case.edition}; it can go to: {', '.join(editions_for(work, case))}")
    return move_to_edition(work, case, edition, reason)


# ---------------------------------------------------------------- how it is printed


def _tell_replay(key: str, since: datetime, found: Sequence[Replayed], unseen: Sequence[str]) -> None:
    for rule, (count, before, after) in _by_rule(found).items():
        click.echo(f"{rule}: {count} clocks, late {before} → {after}")
    for one in found:
        if one.late_after and not one.late_before:
            ended = _moment(one.ended_at) if one.ended_at else "still running"
            click.echo(f"  {one.case_code}  {one.rule}  due {_moment(one.due_after)}, ended {ended}: late")
    if unseen:
        click.echo(f"no clock to replay: {', '.join(unseen)}")
    late = sum(one.late_before for one in found), sum(one.late_after for one in found)
    cases = len({one.case_code for one in found})
    click.echo(
        f"{len(found)} clocks of {cases} cases since {_moment(since)} under {key}: late {late[0]} before, {late[1]} after"
    )


def _replay_json(key: str, since: datetime, found: Sequence[Replayed], unseen: Sequence[str]) -> dict[str, Any]:
    return {
        "edition": key,
        "since": local(since).isoformat(),
        "clocks": len(found),
        "late_before": sum(one.late_before for one in found),
        "late_after": sum(one.late_after for one in found),
        "rules": [
            {"rule": rule, "clocks": count, "late_before": before, "late_after": after}
            for rule, (count, before, after) in _by_rule(found).items()
        ],
        "newly_late": [_clock_json(one) for one in found if one.late_after and not one.late_before],
        "without_clocks": list(unseen),
    }


def _clock_json(one: Replayed) -> dict[str, Any]:
    return {
        name: local(value).isoformat() if isinstance(value, datetime) else value for name, value in asdict(one).items()
    }


def _by_rule(found: Sequence[Replayed]) -> dict[str, tuple[int, int, int]]:
    count = Counter(one.rule for one in found)
    before = Counter(one.rule for one in found if one.late_before)
    after = Counter(one.rule for one in found if one.late_after)
    return {rule: (count[rule], before[rule], after[rule]) for rule in sorted(count)}


def _as_json(one: Counted) -> dict[str, Any]:
    said: dict[str, Any] = {"day": one.day.isoformat(), "counts": one.counts, "why": one.why}
    return {**said, "minutes": one.spent.total_seconds() / 60} if one.spent else said


def _tally(one: Counted) -> str:
    if one.spent:
        minutes = int(one.spent.total_seconds()) // 60
        return f"+{minutes // 60}h{minutes % 60:02d}"
    return "+1" if one.counts else ""


def _moment(moment: datetime | None) -> str:
    return f"{local(moment):%H:%M %d/%m/%Y}" if moment else "no limit"


def _read_only(work: Work) -> None:
    """From here on the database itself refuses to write in this work."""
    work.session.connection().exec_driver_sql("set transaction read only")


def _shown(clocks: Iterator[Replayed], total: int) -> Iterator[Replayed]:
    with click.progressbar(clocks, length=total, label="clocks", file=sys.stderr) as bar:
        yield from bar
