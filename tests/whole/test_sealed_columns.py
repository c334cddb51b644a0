"""Every text column is sealed, or on the list of clear ones with its reason."""

from __future__ import annotations

import pytest
from sqlalchemy import JSON, Column, Date, Enum, LargeBinary, MetaData, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import casework.tables  # noqa: F401 - fills SQLModel.metadata
from casework.vault.columns import Sealed
from tests.whole.clear_columns import CLEAR, telling_columns


def test_every_telling_column_is_sealed_or_clear_for_a_reason() -> None:
    telling = telling_columns(SQLModel.metadata)
    assert telling - CLEAR.keys() == set(), "neither sealed nor on the list of clear columns"
    assert CLEAR.keys() - telling == set(), "on the list, but gone or sealed"


def test_every_clear_column_has_its_reason() -> None:
    assert [column for column, reason in CLEAR.items() if not reason.strip()] == []


@pytest.mark.parametrize(
    "kind",
    [Text(), AutoString(), LargeBinary(), JSON(), JSONB(), Date(), Enum("a"), ARRAY(Text), Numeric()],
    ids=lambda kind: type(kind).__name__,
)
def test_a_planted_clear_column_is_found(kind: TypeEngine[object]) -> None:
    table = Table("case_note", MetaData(), Column("words", kind), Column("sealed", Sealed()))
    assert telling_columns(table.metadata) == {("case_note", "words")}
