"""Units, staff, duty rota, sessions. A unit or a person is closed, never deleted: old papers still name them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from casework.vault.cabinet import OFFICE_SCOPE
from casework.vault.columns import Sealed


def moment(*, nullable: bool = False) -> Column[datetime]:
    """A column for an instant: aware, stored in UTC."""
    return Column(DateTime(timezone=True), nullable=nullable)


class UnitKind(StrEnum):
    NATIONAL = "national"
    PROVINCE = "province"
    DISTRICT = "district"  # former ones only: no office answers there since mid-2025
    COMMUNE = "commune"
    HOTLINE = "hotline"
    POLICE = "police"
    HEALTH = "health"


class Unit(SQLModel, table=True):
    """An office. `code` is the GSO code for places and our own for bodies; codes are text, leading zeros count.

    A place is known by its code and its last day: the codes of merged places were given again to others. `valid_from` and
    `valid_to` are its first and last day (None: not known, or until further notice).
    """

    __tablename__ = "unit"
    __table_args__ = (
        Index("ix_unit_code_open", "code", unique=True, postgresql_where=text("valid_to is null")),
        Index("ix_unit_code_closed", "code", "valid_to", unique=True, postgresql_where=text("valid_to is not null")),
        CheckConstraint("valid_from is null or valid_to is null or valid_to >= valid_from", name="unit_days_check"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    code: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    folded_name: str = Field(sa_type=Text, index=True)  # without accents, for search
    kind: str = Field(sa_type=Text)
    province_id: UUID | None = Field(default=None, foreign_key="unit.id", index=True)
    district_id: UUID | None = Field(default=None, foreign_key="unit.id")
    valid_from: date | None = None
    valid_to: date | None = None

    def exists_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class UnitSuccession(SQLModel, table=True):
    """What a closed unit became. More than one row for a unit: it was split, and only a person can say which part is meant."""

    __tablename__ = "unit_succession"
    __table_args__ = (Index("ix_unit_succession_of", "successor_id"),)

    predecessor_id: UUID = Field(primary_key=True, foreign_key="unit.id")
    successor_id: UUID = Field(primary_key=True, foreign_key="unit.id")
    rank: int = 0  # as the list of units names them


class Post(StrEnum):
    """Of the two who may decide for a commune: the chair, and the deputy who stands in while the rota says so."""

    CHAIR = "chair"
    DEPUTY = "deputy"


class SecondFactor(StrEnum):
    REQUIRED = "required"
    WAIVED = "waived"  # written by the demo's world and by nothing else


class Staff(SQLModel, table=True):
    """A person with an account. `post` is set for the role `chair` and for no other.

    `waits_since`: an administrator has opened or changed the account, or set its password, and until a second person has
    agreed it opens no case (`rules.WAITING`).

    `first_password_at`: when somebody else made the password that stands now. It opens nothing but the page where its owner
    chooses one, and nothing at all when its days are over (`passwords.first_password_lasts`). None: it is the owner's own.

    `second_factor` is 'required', or 'waived' for the invented people of a drill, whose accounts open nothing real.

    `person` seals {"name", "phone", "hamlet"}; a post title is enough on most screens. They are not a child's secrets, but
    a stolen dump must not be a directory of who handles them.
    """

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint(
            "(role = 'chair') = (post is not null) and post in ('chair', 'deputy')", name="staff_post_check"
        ),
        CheckConstraint("second_factor in ('required', 'waived')", name="staff_second_factor_check"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    username: str = Field(sa_type=Text, unique=True)
    password_hash: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    post: str | None = Field(default=None, sa_type=Text)
    unit_id: UUID = Field(foreign_key="unit.id", index=True)
    second_factor: str = Field(
        default=SecondFactor.REQUIRED.value,
        sa_column=Column(Text, nullable=False, server_default=text("'required'")),
    )
    person: bytes | None = Field(default=None, sa_type=Sealed)
    rev: int = 0
    created_at: datetime = Field(sa_column=moment())
    closed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    waits_since: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    first_password_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))

    @property
    def scope_id(self) -> UUID:
        return OFFICE_SCOPE


class Duty(SQLModel, table=True):
    """Who holds a post (unit and role) from when to when; alerts go to the post, never to a name."""

    __tablename__ = "duty"
    __table_args__ = (
        Index("ix_duty_post", "unit_id", "role", "starts_at"),
        CheckConstraint("ends_at is null or ends_at > starts_at", name="duty_span_check"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    unit_id: UUID = Field(foreign_key="unit.id")
    role: str = Field(sa_type=Text)
    staff_id: UUID = Field(foreign_key="staff.id")
    starts_at: datetime = Field(sa_column=moment())
    ends_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class Leave(SQLModel, table=True):
    """When a person is away. It beats the rota: somebody on leave holds no post, whatever their duty rows say."""

    __tablename__ = "staff_leave"
    __table_args__ = (
        Index("ix_staff_leave", "staff_id", "starts_at"),
        CheckConstraint("ends_at > starts_at", name="staff_leave_span_check"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    staff_id: UUID = Field(foreign_key="staff.id")
    starts_at: datetime = Field(sa_column=moment())
    ends_at: datetime = Field(sa_column=moment())


class SignedInSession(SQLModel, table=True):
    """A signed-in browser. Only the digest of its token is kept.

    `limited`: it opens nothing but the pages where a second factor is set up. `factor_at`: when the person last proved who
    they are in it. `network` is a /24 or /48, `agent` one word for a family of browsers. `locked_at`: the screen is locked,
    and every page asks who is there. `phone_id`: the collaborator's telephone it was opened with.
    """

    __tablename__ = "signed_in_session"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    token_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    staff_id: UUID = Field(foreign_key="staff.id", index=True)
    created_at: datetime = Field(sa_column=moment())
    last_seen_at: datetime = Field(sa_column=moment())
    ended_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    limited: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    factor_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    network: str | None = Field(default=None, sa_type=Text)
    agent: str | None = Field(default=None, sa_type=Text)
    locked_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    phone_id: UUID | None = None


class SignInAttempt(SQLModel, table=True):
    """One try for a user name, known or not, that has not turned out right. Rows and not memory: every web process must count
    the same. `staff_id`: whose name it is, if anybody's."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_sign_in_attempt_who", "username_digest", "at"),
        Index("ix_sign_in_attempt_network", "network_digest", "at"),
        Index("ix_sign_in_attempt_at", "at"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    username_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    network_digest: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    at: datetime = Field(sa_column=moment())


class ApiKey(SQLModel, table=True):
    """A machine that may post reports. Only the digest of its key is kept."""

    __tablename__ = "api_key"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(sa_type=Text)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    unit_id: UUID = Field(foreign_key="unit.id")
    created_at: datetime = Field(sa_column=moment())
    revoked_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class Heartbeat(SQLModel, table=True):
    """When a long-lived process was last seen alive."""

    __tablename__ = "heartbeat"

    name: str = Field(sa_type=Text, primary_key=True)
    at: datetime = Field(sa_column=moment())
