"""`casework routes` says what the program answers, all of it, and who may open it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from click.testing import CliRunner
from flask import Blueprint

from casework.app import create_app
from casework.cli import casework
from casework.cli_routes import program, routes_of
from casework.people.rules import Role
from casework.policy import declared, open_to
from casework.settings import from_environment

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.routing import Rule

    from tests.conftest import Town

NAMES = {role.value for role in Role}


def methods_of(rule: Rule) -> tuple[str, ...]:
    return tuple(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))


def test_every_route_of_the_served_program_is_printed_with_who_may_open_it(town: Town) -> None:
    app = create_app(town.office)
    found = routes_of(program())
    assert found == routes_of(app)
    served = Counter(method for rule in app.url_map.iter_rules() for method in methods_of(rule))
    assert Counter(method for one in found for method in one.methods) == served and served["GET"] > 60
    assert {method for rule in app.url_map.iter_rules() for method in rule.methods or ()} == {
        "GET", "HEAD", "OPTIONS", "POST",
    }  # fmt: skip
    for one in found:
        assert one.roles in (("public",), ("machine",)) or (one.roles and set(one.roles) <= NAMES), one


def test_the_roles_printed_are_those_the_guard_asks_for(town: Town) -> None:
    app = create_app(town.office)
    printed = {(one.path, one.methods): set(one.roles) for one in routes_of(app)}
    for rule in app.url_map.iter_rules():
        who = declared(app.view_functions[rule.endpoint])
        if rule.rule.count("<") == 0:
            assert printed[rule.rule, methods_of(rule)] == ({who} if isinstance(who, str) else set(who))


def test_a_route_more_is_printed_as_soon_as_it_is_served(town: Town) -> None:
    more = Blueprint("more", __name__)
    more.add_url_rule("/ca/<code>/them/<uuid:thing>", view_func=open_to(Role.AUDITOR)(lambda code, thing: ""))
    before, after = routes_of(create_app(town.office)), routes_of(create_app(town.office, more_pages=[more]))
    (new,) = [one for one in after if one not in before]
    assert new.as_json() == {"path": "/ca/<ma>/them/<thing>", "methods": ["GET"], "roles": ["auditor"]}
    assert new.parameters == {"ma": "text", "thing": "uuid"}


def test_what_the_environment_s_settings_bring_is_printed_as_well(tmp_path: Path) -> None:
    """An identity provider's addresses exist only in an office that has one."""
    secret = tmp_path / "oidc.secret"
    secret.write_text("khóa của phép thử")
    secret.chmod(0o600)
    provider = {
        "CASEWORK_OIDC_ISSUER": "https://cap-danh-tinh.invalid",
        "CASEWORK_OIDC_CLIENT_ID": "casework",
        "CASEWORK_OIDC_CLIENT_SECRET_FILE": str(secret),
    }
    bare, whole = (
        {row["path"] for row in json.loads(CliRunner().invoke(casework, ["routes", "--json"], env=env).stdout)}
        for env in (dict.fromkeys(provider, ""), provider)
    )
    served = {rule.rule for rule in program(from_environment(provider)).url_map.iter_rules() if "co-quan" in rule.rule}
    assert served and {"/dang-nhap/co-quan", "/dang-nhap/co-quan/ve"} <= whole - bare
    assert len(whole - bare) == len(served)


def test_the_command_prints_json_and_lines_without_an_office() -> None:
    result = CliRunner().invoke(casework, ["routes", "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert {tuple(row) for row in rows} == {("path", "methods", "roles")}
    home = next(row for row in rows if row["path"] == "/ca/<ma>")
    assert home == {"path": "/ca/<ma>", "methods": ["GET"], "roles": ["worker", "chair", "supervisor"]}
    lines = CliRunner().invoke(casework, ["routes"]).stdout.splitlines()
    assert len(lines) == len(rows)
    assert any("/ca/<ma>/giay-to/<document_id>" in line and "document_id: uuid" in line for line in lines)
    assert not [row for row in rows if "dien-tap" in row["path"]]
    drill = json.loads(CliRunner().invoke(casework, ["routes", "--json", "--demo"]).stdout)
    assert [row for row in drill if "dien-tap" in row["path"]]
