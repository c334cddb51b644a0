"""`casework staff`: what the pages cannot do for a small office, left to whoever runs the machine and told to others."""

from __future__ import annotations

import click

from casework.cli_common import office_work
from casework.clock import local
from casework.errors import Forbidden
from casework.oversight.acts import Waiting, confirm_at_machine, waiting_accounts
from casework.people.models import Staff
from casework.people.passwords import first_password_lasts
from casework.people.queries import staff_named, unit
from casework.people.rules import Role
from casework.people.service import reset_password
from casework.work import Work

REFUSED = {
    "not-waiting": "it waits for nobody: there is nothing to confirm",
    "others-may": "there is somebody of its province who may decide: see `casework staff waiting`",
    "was-refused": "a second person has refused it; have an administrator set its password anew to ask again",
}


@click.group()
def staff() -> None:
    """Accounts, for whoever runs the machine: where the pages ask for a person whom the office does not have.

    Needs the key file and the database (CASEWORK_KEY_FILE, CASEWORK_DATABASE_URL or CASEWORK_DATA_DIR). Everything done
    here stands in the audit trail as the machine's, and is told at once to the supervisor of the province and to the
    account's owner.
    """


@staff.command()
def waiting() -> None:
    """List the accounts that a second person has yet to agree to, and who may.

    One line each: user name, role, unit's code, since when, and the user names of those who may decide on the page
    "Việc hai người"; NOBODY where there is no such person.
    """
    with office_work() as work:
        found = waiting_accounts(work)
        for one in found:
            since = local(one.staff.waits_since).strftime("%d/%m/%Y %H:%M") if one.staff.waits_since else ""
            click.echo(f"{_named(work, one.staff)}  since {since}  {_who(one)}")
    click.echo(f"{len(found)} accounts wait")


@staff.command()
@click.argument("username")
def confirm(username: str) -> None:
    """Agree to an account in the place of a second person, where its province has nobody who may.

    An account that an administrator alone has opened, changed or given a new password opens no case until a second person
    agrees: a supervisor or another administrator of the province whose own account that administrator has not touched for 30
    days. In a province with one supervisor and one administrator nobody is left to agree once the supervisor's own
    password was set anew. Ask the person themself first, by a telephone you know.

    Refused while somebody may decide on the pages (`casework staff waiting` names them), and for good where a second
    person has refused. Exits 1 then, and changes nothing.

    \b
    Example: casework staff confirm giam-sat
    """
    with office_work() as work:
        one = _find(work, username)
        try:
            confirm_at_machine(work, one)
        except Forbidden as refused:
            raise click.ClickException(f"{one.username}: {REFUSED[refused.reason]}") from None
        line = _named(work, one)
    click.echo(f"confirmed: {line}; the supervisor and the owner are told")


@staff.command()
@click.argument("username")
def password(username: str) -> None:
    """Give an administrator a new first password, where no other administrator is left to do it.

    It is printed once, opens nothing but the page where its owner chooses one of their own, and runs out. Sessions end;
    second factors stay. For administrators only, who see no case: everybody else is given one on the page
    "Tài khoản".

    \b
    Example: casework staff password quantri
    """
    with office_work() as work:
        one = _find(work, username)
        if one.role != Role.ADMINISTRATOR:
            raise click.ClickException(f"{one.username} is no administrator: an administrator sets its password anew")
        told = reset_password(work, one)
    click.echo(f"{one.username} / {told}  (opens for {first_password_lasts().days} days)")


def _find(work: Work, username: str) -> Staff:
    found = staff_named(work, username.strip().lower())
    if found is None or found.closed_at is not None:
        raise click.ClickException(f"there is no open account {username}")
    return found


def _named(work: Work, one: Staff) -> str:
    return f"{one.username}  {one.role} of {unit(work, one.unit_id).code}"


def _who(one: Waiting) -> str:
    if one.refused:
        return "refused by a second person"
    names = ", ".join(who.username for who in one.deciders) or "NOBODY"
    lapsed = bool(one.deciders) and not one.asked
    return f"may decide: {names}" + (", once its password is set anew: the proposal has lapsed" if lapsed else "")
