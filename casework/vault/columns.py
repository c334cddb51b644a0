"""The sealed column type: only envelopes go in, and nobody can search by them."""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy import Column, ColumnElement, Dialect, LargeBinary
from sqlalchemy.sql.operators import OperatorType, eq, is_, is_not
from sqlalchemy.types import TypeDecorator

from casework.vault.envelope import SMALLEST, VERSION


class SealedBytes(bytes):
    """An envelope of the cabinet, or bytes as they came from a sealed column: those prove themselves when opened."""

    def __repr__(self) -> str:
        return f"SealedBytes({len(self)} bytes)"


class Sealed(TypeDecorator[SealedBytes]):
    """`bytea` that takes envelopes only: plain text bound by mistake raises TypeError instead of reaching the disk.

    Every comparison with a value raises, but for `is null`: two envelopes of one value differ, so a filter would
    silently find nothing.
    """

    impl = LargeBinary
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[Any]):
        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> Any:
            # SQLAlchemy keeps columns in dicts and compares a column with itself there: that must stay possible.
            if op in (is_, is_not) or (op is eq and all(_is_sealed(one) for one in other)):
                return super().operate(op, *other, **kwargs)
            _refuse_comparing()

        def reverse_operate(self, op: OperatorType, other: Any, **kwargs: Any) -> Any:
            _refuse_comparing()

    comparator_factory = Comparator

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, SealedBytes) or len(value) < SMALLEST or not value.startswith(VERSION):
            raise TypeError("a sealed column takes only what the cabinet sealed")
        return bytes(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> SealedBytes | None:
        return None if value is None else SealedBytes(value)


def _is_sealed(other: Any) -> bool:
    return isinstance(other, ColumnElement) and isinstance(other.type, Sealed)


def _refuse_comparing() -> NoReturn:
    raise TypeError("a sealed column cannot be compared, searched or sorted: use a search digest")


def sealed_column(*, nullable: bool = True) -> Column[SealedBytes]:
    """A new column for `name: bytes | None = Field(default=None, sa_column=sealed_column())`."""
    return Column(Sealed(), nullable=nullable)
