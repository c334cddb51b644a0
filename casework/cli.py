"""The `casework` command."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import make_url

from casework.audit.service import anchor, seal_checkpoint
from casework.audit.verifier import verify
from casework.bootstrap import open_office
from casework.cases.house import open_book
from casework.cli_api_key import api_key
from casework.cli_common import CLOCK_FORMATS, Moment, database, settings_now
from casework.cli_import import importing
from casework.cli_law import check_law, law, make_docs
from casework.cli_routes import routes
from casework.cli_staff import staff
from casework.clock import Clock, DrillClock, SystemClock, local
from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer
from casework.deadlines.days import covers_months_ahead, known_until
from casework.demo.cases import seed_cases
from casework.demo.office import MARK, RIBBON, Demo, open_demo, prepare_demo
from casework.errors import CaseworkError, LawFault, UnsafeStart
from casework.jobs.runner import run_jobs, start_jobs
from casework.law.calendar import calendar_of
from casework.migrate import current_revision, head_revision, upgrade
from casework.people.models import UnitKind
from casework.people.passwords import first_password_lasts
from casework.people.queries import unheld_posts, unstaffed_communes
from casework.people.rules import Role
from casework.people.service import create_staff, create_unit
from casework.settings import Settings
from casework.vault.keys import create_key_file, load_key_file
from casework.web.logs import configure_logs
from casework.work import SYSTEM


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="casework")
def casework() -> None:
    """Case management for reports of child abuse under Decree 56/2017/NĐ-CP.

    Start with `casework demo`. Settings come from the environment: see README.md.
    """


casework.add_command(importing)


def main() -> None:
    """Runs the command; an expected refusal is one clear line and a non-zero exit."""
    try:
        casework.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        sys.exit(130)
    except LawFault as error:
        for fault in error.faults:
            click.echo(fault, err=True)
        sys.exit(1)
    except CaseworkError as error:
        click.echo(f"casework: {error}", err=True)
        sys.exit(1)


# ---------------------------------------------------------------- the demo


@casework.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the demo [default: $CASEWORK_DATA_DIR or ./.casework]."
)
@click.option("--reset", is_flag=True, help="Throw the folder's invented data away and begin anew.")
@click.option("--no-serve", is_flag=True, help="Prepare, print and leave; the database stays running (see --stop).")
@click.option("--stop", is_flag=True, help="Stop the demo's database and leave.")
@click.option("--json", "as_json", is_flag=True, help="Print address, accounts, key and communes as JSON on stdout.")
@click.option("--clock", "clock_at", type=Moment(), help=f"Start the office's clock there, e.g. {CLOCK_FORMATS}.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.001),
    help="Run the clock so many times as fast.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the sign-in page in a browser.")
def demo(
    host: str,
    port: int,
    data: Path | None,
    reset: bool,
    no_serve: bool,
    stop: bool,
    as_json: bool,
    clock_at: datetime | None,
    speed: float,
    open_browser: bool,
) -> None:
    """Try everything on one machine: an embedded database, an invented province, one account a role, a dozen cases.

    Web and clock run in this process until Ctrl+C. SMS are shown at /dien-tap/tin-nhan and, unless
    CASEWORK_SMS says otherwise, not sent.
    """
    folder = (data or Path(os.environ.get("CASEWORK_DATA_DIR", "./.casework"))).expanduser().resolve()
    if stop:
        EmbeddedServer(folder).stop()
        return
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  # compared, not bound
    if not no_serve:
        _check_port_free(host, port)
    started = clock_at is not None or speed != 1.0
    clock: Clock = DrillClock(clock_at or SystemClock().now(), speed) if started else SystemClock()
    prepared = prepare_demo(folder, clock, public_url=url, reset=reset, say=_say)
    if as_json:
        click.echo(json.dumps(prepared.as_json(url), ensure_ascii=False))
    else:
        _print_demo(prepared, url)
    sys.stdout.flush()
    if no_serve:
        _say(
            f"cơ sở dữ liệu vẫn chạy; dừng bằng / the database keeps running; stop it with: casework demo --stop --data {folder}"
        )
        return
    _serve_demo(prepared, clock, speed, host, port, url if open_browser else None)


def _serve_demo(prepared: Demo, clock: Clock, speed: float, host: str, port: int, browse: str | None) -> None:
    # Here and not above: all pages and what they stand on take a second, and most commands have none.
    from casework.app import create_app
    from casework.demo.pages import demo_pages
    from casework.serve import WebServer

    configure_logs()

    def make_app() -> Any:
        office = open_demo(prepared, clock, settings_now())
        # One process serves and ticks; a second worker would only tick twice, harmlessly.
        start_jobs(office, every=1.0)
        pages = (demo_pages(prepared.world.accounts),)
        return create_app(office, drill=RIBBON, drill_speed=speed, more_pages=pages)

    if browse:
        webbrowser.open(f"{browse}/dang-nhap")
    try:
        WebServer(make_app, host=host, port=port, workers=1, threads=8).run()
    finally:
        if prepared.server.started_here:
            prepared.server.stop_if_last()


def _print_demo(prepared: Demo, url: str) -> None:
    click.echo(f"\n  {url}/dang-nhap    SMS: {url}/dien-tap/tin-nhan\n")
    width = max(len(account.username) for account in prepared.world.accounts)
    for account in prepared.world.accounts:
        click.echo(f"  {account.username:<{width}}  {account.password}  {account.unit}")
    click.echo(f"\n  API key  {prepared.world.api_key}\n")


def _check_port_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise UnsafeStart(f"port {port} on {host} is in use: choose another with --port") from None


# ---------------------------------------------------------------- an office of one's own


@casework.command()
@click.option("--province", required=True, help="Name of the province, as papers print it.")
@click.option("--province-code", required=True, help="GSO code of the province, two digits.")
@click.option("--admin", default="quantri", show_default=True, help="User name of the first administrator.")
def init(province: str, province_code: str, admin: str) -> None:
    """Make a new office: key file, tables, the province and its first administrator.

    The administrator's password is shown once. It opens the page where they choose one of their own, within 14 days; after
    that `casework staff password` makes another.
    """
    settings = settings_now()
    create_key_file(settings.key_file)
    with database(settings):
        _migrate(settings)
        office = open_office(settings)
        password = secrets.token_urlsafe(12)
        with office.begin(SYSTEM) as work:
            unit = create_unit(work, code=province_code, name=province, kind=UnitKind.PROVINCE)
            create_staff(work, username=admin, password=password, role=Role.ADMINISTRATOR, unit=unit, name=admin)
    click.echo(f"keys: {settings.key_file} (keep a copy apart from the database and its backups)")
    days = first_password_lasts().days
    click.echo(f"administrator: {admin} / {password} (opens the choice of their own, for {days} days)")


@casework.command()
def migrate() -> None:
    """Bring the database to the shape this program needs."""
    settings = settings_now()
    with database(settings):
        _migrate(settings)
    click.echo(f"database is at revision {head_revision()}")


@casework.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes, four threads each."
)
def serve(host: str, port: int, workers: int) -> None:
    """Serve the web pages and the API. Run `casework jobs` beside it."""
    from casework.app import create_app
    from casework.serve import WebServer

    settings = settings_now()
    configure_logs()
    _check_port_free(host, port)
    with database(settings):
        open_office(settings).engine.dispose()  # refuses here, in one line, rather than in every worker
        WebServer(lambda: create_app(open_office(settings)), host=host, port=port, workers=workers).run()


@casework.command()
@click.option(
    "--every", default=5.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds between two ticks."
)
def jobs(every: float) -> None:
    """Run the office's clock: warnings, breaches, SMS, the sealing of the audit trail. Any number may run at once."""
    settings = settings_now()
    configure_logs()
    with database(settings):
        run_jobs(open_office(settings), every=every)


@casework.command()
@click.option("--cases", "count", required=True, type=click.IntRange(1, 1_000_000), help="How many to add.")
def seed(count: int) -> None:
    """Add invented cases to a demo's database, for measuring. Refuses any other database."""
    settings = settings_now()
    if not (settings.embedded and (settings.data_dir / MARK).exists()):
        raise UnsafeStart("seed works in a demo's folder only: make one with `casework demo --no-serve`")
    with database(settings), click.progressbar(length=count, label="cases", file=sys.stderr) as bar:
        seed_cases(open_office(settings), count, _to_bar(bar))
    click.echo(f"{count} cases added")


@casework.command()
def doctor() -> None:
    """Say whether the office stands on sound ground: database, revision, keys, law, SMS, posts nobody holds."""
    settings = settings_now()
    newest = open_book(settings.law_dir).in_force(local(SystemClock().now()).date())
    click.echo(f"law        {newest.key}, calendar known until {calendar_of(newest).last_day:%d/%m/%Y}")
    keys = load_key_file(settings.key_file)
    click.echo(f"keys       {settings.key_file}, fingerprint {keys.fingerprint}")
    click.echo(f"sms        {settings.sms}")
    with database(settings):
        office = open_office(settings)
        with office.engine.connect() as connection:
            answers = {
                name: connection.exec_driver_sql(f"show {name}").scalar_one()
                for name in ("server_version", "fsync", "full_page_writes", "data_checksums", "synchronous_commit")
            }
        with office.begin(SYSTEM) as work:
            until, enough = known_until(work.calendar), covers_months_ahead(work.calendar, local(work.now).date())
            empty, bare = unheld_posts(work), unstaffed_communes(work)
        short = "" if enough else ", LESS THAN SIX MONTHS AHEAD: enter the days off to come at /quan-tri/ngay-nghi"
        click.echo(f"days off   known until {until:%d/%m/%Y}{short}")
        for one in empty:
            click.echo(f"post       NOBODY holds {one.role} of {one.unit.code}: its alerts go to the province")
        click.echo(f"posts      {len(empty)} held by nobody, {bare} communes without an account")
        kind = "embedded (for trying, teaching, a single small office)" if settings.embedded else "external"
        click.echo(
            f"database   {kind}, PostgreSQL {answers.pop('server_version')}, revision {current_revision(office.engine)}"
        )
        weak = [name for name, value in answers.items() if value != "on"]
        click.echo(f"durability {'sound' if not weak else 'WEAK: off: ' + ', '.join(weak)}")
    if weak:
        raise UnsafeStart("the database may lose what it has acknowledged")


for command in (check_law, make_docs, law, routes, staff, api_key):
    casework.add_command(command)


# ---------------------------------------------------------------- proof and keys


@casework.group()
def audit() -> None:
    """The audit trail."""


@audit.command(name="verify")
@click.option("--no-anchor", is_flag=True, help="Do not compare with the copies kept outside the database.")
def audit_verify(no_anchor: bool) -> None:
    """Prove the trail: every row, every link, every signature. Exits 1 and names the rows if anything was touched."""
    settings = settings_now()
    with database(settings):
        office = open_office(settings)
        with office.begin(SYSTEM) as work, click.progressbar(length=100, label="rows", file=sys.stderr) as bar:
            verdict = verify(work.session, office.keys, None if no_anchor else settings.anchor_file, _to_share(bar))
    for fault in verdict.faults:
        click.echo(f"{fault.kind}: rows {fault.first_seq}-{fault.last_seq}: {fault.text}")
    click.echo(f"{verdict.entries} entries, {verdict.checkpoints} checkpoints: {'sound' if verdict.ok else 'BROKEN'}")
    if not verdict.ok:
        raise UnsafeStart("the audit trail does not hold together")


@audit.command(name="anchor")
def audit_anchor() -> None:
    """Seal what is new into a signed checkpoint and copy it outside the database."""
    settings = settings_now()
    with database(settings):
        office = open_office(settings)
        with office.begin(SYSTEM) as work:
            seal_checkpoint(work, force=True)
        with office.begin(SYSTEM) as work:
            added = anchor(work, settings.anchor_file)
    click.echo(f"{added} checkpoints added to {settings.anchor_file}")


@casework.group()
def keys() -> None:
    """The key file."""


@keys.command(name="status")
def keys_status() -> None:
    """Which keys the file holds, by their public names; nothing secret is printed."""
    settings = settings_now()
    found = load_key_file(settings.key_file)
    click.echo(f"file        {settings.key_file}")
    click.echo(f"wraps with  {found.active_kek_id} (of {', '.join(found.kek_ids)})")
    click.echo(f"signs as    {found.public_key_hex}")
    click.echo(f"fingerprint {found.fingerprint}")


# ---------------------------------------------------------------- small helpers


def _migrate(settings: Settings) -> None:
    if settings.embedded:
        upgrade(EmbeddedServer(settings.data_dir).url(OWNER_ROLE), APP_ROLE)
        return
    if settings.owner_database_url is None or settings.database_url is None:
        raise UnsafeStart("CASEWORK_OWNER_DATABASE_URL is needed: migrations run as the owner of the tables")
    upgrade(settings.owner_database_url, _role_of(settings.database_url))


def _role_of(url: str) -> str:
    role = make_url(url).username
    if not role:
        raise UnsafeStart("CASEWORK_DATABASE_URL names no role")
    return role


def _say(text: str) -> None:
    click.echo(f"· {text}", err=True)


def _to_bar(bar: Any) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(done - bar.pos)


def _to_share(bar: Any) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(int(done * 100 / max(total, 1)) - bar.pos)
