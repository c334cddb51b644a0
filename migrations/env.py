"""Alembic's door. It is opened only by `casework.migrate`, which brings the connection and holds the transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.schema import ColumnCollectionConstraint
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import casework.tables  # noqa: F401 - fills SQLModel.metadata with every room's tables

SCHEMAS = (None, "keystore")  # None is PostgreSQL's default schema, public


def name_constraints(metadata: MetaData) -> None:
    """Names each unnamed constraint as PostgreSQL would, so that a later revision can drop it by name.

    A naming convention on the metadata would depend on being set before the first table is imported; this does not.
    """
    for table in metadata.tables.values():
        for constraint in table.constraints:
            if constraint.name is not None or not isinstance(constraint, ColumnCollectionConstraint):
                continue
            columns = "_".join(column.name for column in constraint.columns)
            if isinstance(constraint, PrimaryKeyConstraint):
                constraint.name = f"{table.name}_pkey"
            elif isinstance(constraint, UniqueConstraint):
                constraint.name = f"{table.name}_{columns}_key"
            elif isinstance(constraint, ForeignKeyConstraint):
                constraint.name = f"{table.name}_{columns}_fkey"


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "schema" or name in SCHEMAS


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Writes our own column types with their import, and SQLModel's string as the plain one it is."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    if kind == "type" and type(item).__module__.startswith("casework."):
        autogen.imports.add(f"import {type(item).__module__}")
        return f"{type(item).__module__}.{type(item).__name__}()"
    return False


name_constraints(SQLModel.metadata)
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    include_schemas=True,
    include_name=include_name,
    render_item=render_item,
)
context.run_migrations()
