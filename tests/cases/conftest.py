"""A case to walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cases.walking import Walk

if TYPE_CHECKING:
    from tests.conftest import Town


@pytest.fixture
def walk(town: Town) -> Walk:
    """A case just received in 99001 Nà Lũng, in danger, of a child whose name and harmer nobody knows yet."""
    return Walk(town).open()
