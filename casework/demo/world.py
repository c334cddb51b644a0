"""A province that does not exist, with offices and one account a role: for the demo, the drills and the tests.

Every name here is invented; staff have posts instead of names, and phones from a range that no network gives out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from casework.people.models import Post, SecondFactor, Unit, UnitKind
from casework.people.rules import Role
from casework.people.service import create_api_key, create_staff, create_unit, put_on_duty
from casework.work import Work

PROVINCE = ("99", "Tỉnh Sơn Lâm")
COMMUNES = (
    ("99001", "Xã Nà Lũng"),
    ("99002", "Xã Bản Sen"),
    ("99003", "Xã Khuổi Nậm"),
    ("99004", "Phường Đông Kỳ"),
    ("99005", "Xã Tả Lìn"),
)
DEPUTY = "Phó Chủ tịch UBND"
HOME = "99001"  # the commune whose accounts the demo gives out


@dataclass(frozen=True)
class Account:
    """An account of the demo, with its password in clear: it opens nothing but invented data."""

    role: str
    username: str
    password: str
    unit: str


@dataclass(frozen=True)
class World:
    """What `build_world` made: the accounts and the machine's key to give out, the communes to choose from."""

    accounts: tuple[Account, ...]
    api_key: str
    communes: tuple[tuple[str, str], ...]


def build_world(work: Work, *, password: str | None = None) -> World:
    """Fills an empty database with units, staff, duty and one API key. `password` for all accounts, else one each."""
    units = _units(work)
    made: list[Account] = []
    for place, (role, code, title) in enumerate(_POSTS):
        unit = units[code]
        deputy = title == DEPUTY
        given_out = (role, code) in _GIVEN_OUT and not deputy
        username = role.value if given_out else f"{'deputy' if deputy else role.value}-{code.lower()}"
        # The other posts only have to be there: nobody is given their accounts, and hashing a password takes time.
        secret = password or (secrets.token_urlsafe(9) if given_out else None)
        staff = create_staff(
            work,
            username=username,
            password=secret,
            role=role,
            unit=unit,
            name=f"{title} {unit.name}",
            phone=f"+8490000{place:04d}",
            hamlet="thôn Má Lủng" if role == Role.COLLABORATOR else None,
            post=Post.DEPUTY if deputy else None,
        )
        staff.second_factor = SecondFactor.WAIVED  # who tries a drill has its password and nothing else
        staff.first_password_at = None  # and keeps that: a demo is picked up again after months
        if not deputy:  # a deputy stands in when the rota says so, and holds nothing until then
            put_on_duty(work, staff, starts_at=work.now.replace(year=work.now.year - 2, day=1))
        if given_out and secret is not None:
            made.append(Account(role.value, username, secret, unit.name))
    key = create_api_key(work, name="Tổng đài 111 (diễn tập)", unit=units["TD-111"])
    order = [role.value for role in Role]
    return World(tuple(sorted(made, key=lambda one: order.index(one.role))), key, COMMUNES)


def _units(work: Work) -> dict[str, Unit]:
    province = create_unit(work, code=PROVINCE[0], name=PROVINCE[1], kind=UnitKind.PROVINCE)
    units = {PROVINCE[0]: province}

    def add(code: str, name: str, kind: UnitKind, province_id: UUID = province.id) -> None:
        units[code] = create_unit(work, code=code, name=name, kind=kind, province_id=province_id)

    add("TD-111", "Tổng đài 111", UnitKind.HOTLINE)
    add("CA-99", "Công an tỉnh Sơn Lâm", UnitKind.POLICE)
    add("YT-99", "Bệnh viện tỉnh Sơn Lâm", UnitKind.HEALTH)
    for code, name in COMMUNES:
        add(code, name, UnitKind.COMMUNE)
        short = name[0].lower() + name[1:]
        add(f"CA-{code}", f"Công an {short}", UnitKind.POLICE)
        add(f"YT-{code}", f"Trạm y tế {short}", UnitKind.HEALTH)
    return units


_POSTS = (
    (Role.HOTLINE, "TD-111", "Cán bộ trực"),
    (Role.COLLABORATOR, HOME, "Cộng tác viên"),
    (Role.SUPERVISOR, "99", "Cán bộ giám sát"),
    (Role.ADMINISTRATOR, "99", "Quản trị"),
    (Role.AUDITOR, "99", "Kiểm tra"),
    (Role.POLICE, "CA-99", "Cán bộ trực"),
    *((role, code, title) for code, _ in COMMUNES for role, title in (
        (Role.WORKER, "Người làm công tác bảo vệ trẻ em"),
        (Role.CHAIR, "Chủ tịch UBND"),
    )),
    *((Role.POLICE, f"CA-{code}", "Cán bộ trực") for code, _ in COMMUNES[:2]),
    *((Role.HEALTH, f"YT-{code}", "Cán bộ trực") for code, _ in COMMUNES[:2]),
    *((Role.CHAIR, code, DEPUTY) for code, _ in COMMUNES),
)  # fmt: skip
_GIVEN_OUT = {
    (Role.HOTLINE, "TD-111"),
    (Role.COLLABORATOR, HOME),
    (Role.WORKER, HOME),
    (Role.CHAIR, HOME),
    (Role.SUPERVISOR, "99"),
    (Role.POLICE, f"CA-{HOME}"),
    (Role.HEALTH, f"YT-{HOME}"),
    (Role.ADMINISTRATOR, "99"),
    (Role.AUDITOR, "99"),
}
