"""`casework import`: units, staff and contacts out of files. One line a fault, all of it or nothing."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import click

from casework.cli_common import the_office
from casework.people.contacts import CONTACT_COLUMNS, apply_contacts, plan_contacts
from casework.people.imports import (
    STAFF_COLUMNS,
    UNIT_COLUMNS,
    Progress,
    apply_staff,
    apply_units,
    plan_staff,
    plan_units,
)
from casework.people.service import new_password
from casework.people.sheets import SheetFault, read_sheet
from casework.work import SYSTEM

SHOWN_FAULTS = 50
WORDS = {
    "no-table": "neither .csv nor .xlsx",
    "old-excel": "an Excel file of the old kind (.xls) or closed by a password: save it anew as .xlsx",
    "file-too-large": "larger than {most} MB",
    "file-empty": "empty",
    "too-many-rows": "more than {most} rows",
    "too-many-cells": "{cells} cells under {headers} headers",
    "column-unknown": "no such column; there are: {columns}",
    "column-twice": "stands twice",
    "column-missing": "this column is missing",
    "example-row": "an example of the template: delete this row",
    "formula": "a formula, not a value: paste the values",
    "zeros-lost": "a number, so its leading zeros are lost: format the column as text",
    "too-long": "longer than {most} characters",
    "unseen-character": "holds a character that cannot be seen",
    "not-utf-8": "not UTF-8: save it as “CSV UTF-8”",
    "not-csv": "cannot be read as CSV: {why}",
    "not-excel": "cannot be read as Excel: save it anew as .xlsx or as “CSV UTF-8”",
    "unfolds-too-large": "unfolds to more than can be read",
    "empty": "is empty",
    "not-one-of": "not one of: {choices}",
    # units
    "not-a-code": "letters, digits and dashes only",
    "not-a-day": "no day: 2025-07-01 or 01/07/2025",
    "ends-before-start": "before valid_from",
    "still-exists": "of a unit that still exists: give its last day",
    "code-twice": "{code} stands in row {first} already",
    "code-taken": "{code} is the code of “{name}”: close that one in this file first",
    "none-above": "there was no {kind} {code} while this unit existed",
    "none-after": "there is no {kind} {code} on the day after",
    # staff and contacts
    "no-unit": "there is no unit {code} today",
    "no-place": "there is no commune, province or hotline {code} today",
    "ended": "{name} ended on {day}",
    "ended-and-is": "{name} ended on {day}; it is now {now}",
    "ended-and-split": "{name} ended on {day}; say which of {now}",
    "other-unit": "{code} is no unit of a {role}",
    "post-of-chair": "goes with the role chair only",
    "not-a-username": "2 to 40 of a-z, 0-9, dot, dash, underscore",
    "not-a-phone": "no telephone number: 0… or +84…",
    "not-a-contact-phone": "no telephone number: 0…, +84…, 111 or 1800…",
    "account-twice": "stands in this file twice",
    "account-closed": "this account was closed: choose another name",
    "own-account": "your own account: another administrator changes it",
    "last-administrator": "of the last administrator: open another one first",
    "contact-twice": "stands in row {first} already",
}
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would change and every fault; change nothing.")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(name="import")
def importing() -> None:
    """Bring units, staff and contacts in from a CSV or Excel file.

    A file is read whole first: every fault is one line with its row and column, and with one fault nothing is imported.
    The same file can be imported again.
    """


@importing.command(name="units")
@click.argument("file", type=FILE, required=False)
@click.option(
    "--built-in", is_flag=True, help="The 34 provinces and 3,321 communes of today and what came before them."
)
@DRY_RUN
def import_units(file: Path | None, built_in: bool, dry_run: bool) -> None:
    """Import places and bodies. Columns: code, name, kind, province, district, valid_from, valid_to, successors.

    kind is province, district, commune, hotline, police or health; province and district are codes; days are written
    2025-07-01. A unit that has ended has its last day in valid_to and in successors the codes of what it became.
    """
    if built_in == (file is not None):
        raise click.UsageError("give a FILE, or --built-in")
    with _source(file) as path, the_office() as office, office.begin(SYSTEM) as work:
        plan = plan_units(work, read_sheet(path, UNIT_COLUMNS))
        _refuse(plan.faults)
        if not dry_run:
            with _bar("units") as progress:
                apply_units(work, plan, progress)
    _tell(f"{len(plan.added)} units added, {len(plan.changed)} changed, {_same(plan)} as they were", dry_run)
    if plan.stranded:
        click.echo(f"{plan.stranded} accounts are in units that have ended: move them to another unit", err=True)


@importing.command(name="staff")
@click.argument("file", type=FILE)
@click.option(
    "--passwords",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Give new accounts a password each and write them to this new file (mode 0600). Without it the administrator"
    " resets each account's password before its first sign-in.",
)
@DRY_RUN
def import_staff(file: Path, passwords: Path | None, dry_run: bool) -> None:
    """Import accounts. Columns: username, name, role, post, unit, phone, hamlet.

    role is hotline, collaborator, worker, chair, supervisor, police, health, administrator or auditor; post is chair or
    deputy, for the role chair; unit is a unit's code; hamlet is a collaborator's own. Accounts the file leaves out stay.
    """
    if passwords is not None and passwords.exists():
        raise click.ClickException(f"{passwords} is there already: passwords are not written over anything")
    with the_office() as office, office.begin(SYSTEM) as work:
        plan = plan_staff(work, read_sheet(file, STAFF_COLUMNS))
        _refuse(plan.faults)
        if not dry_run:
            with _bar("accounts") as progress:
                given = apply_staff(work, plan, password=new_password if passwords else None, progress=progress)
            if passwords is not None:
                # Inside the work: if the file cannot be written no account is left that nobody can open.
                _write_passwords(passwords, given)
    changed = len({one.row for one in (*plan.moved, *plan.renamed)})
    same = len(plan.rows) - len(plan.added) - changed
    _tell(f"{len(plan.added)} accounts added, {changed} changed, {same} as they were", dry_run)


@importing.command(name="contacts")
@click.argument("file", type=FILE)
@DRY_RUN
def import_contacts(file: Path, dry_run: bool) -> None:
    """Import telephones of neighbouring bodies. Columns: unit, body, post, name, phone, hours.

    unit is the code of the commune or province that is served, or the hotline's for all the country; body is police,
    health, school, social-work, hotline or other; phone is 0…, +84…, 111 or 1800…, in a column of text. A file is the
    whole list of every body of a place that it names; all others stay.
    """
    with the_office() as office, office.begin(SYSTEM) as work:
        plan = plan_contacts(work, read_sheet(file, CONTACT_COLUMNS))
        _refuse(plan.faults)
        if not dry_run:
            with _bar("contacts") as progress:
                apply_contacts(work, plan, progress)
    counts = f"{len(plan.added)} contacts added, {len(plan.changed)} changed, {len(plan.gone)} removed"
    _tell(f"{counts}, {_same(plan)} as they were", dry_run)


def _same(plan: object) -> int:
    rows, added, changed = (len(getattr(plan, name)) for name in ("rows", "added", "changed"))
    return int(rows - added - changed)


def _tell(text: str, dry_run: bool) -> None:
    click.echo(f"would be: {text}" if dry_run else text)


def fault_line(fault: SheetFault) -> str:
    """`row 3, name: is empty`."""
    values = {name: value or "(empty)" if name == "code" else value for name, value in fault.values.items()}
    words = ": ".join(WORDS[slug].format(**values) for slug in (fault.slug, fault.more) if slug)
    place = f"row {fault.row}" if fault.row else "file"
    return f"{place}, {fault.column}: {words}" if fault.column else f"{place}: {words}"


def _refuse(faults: Sequence[SheetFault]) -> None:
    for fault in faults[:SHOWN_FAULTS]:
        click.echo(fault_line(fault), err=True)
    if len(faults) > SHOWN_FAULTS:
        click.echo(f"… and {len(faults) - SHOWN_FAULTS} more", err=True)
    if faults:
        raise click.ClickException(f"{len(faults)} faults: nothing was imported")


def _write_passwords(path: Path, given: dict[str, str]) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("username", "password"))
        writer.writerows(given.items())


@contextmanager
def _source(file: Path | None) -> Iterator[Path]:
    if file is not None:
        yield file
        return
    with resources.as_file(resources.files("casework.people") / "data" / "units.csv") as path:
        yield path


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress
