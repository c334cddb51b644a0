"""Another system at the office's machine door."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from tests.conftest import Town
from tests.web.conftest import app  # noqa: F401

REPORT = {
    "incident_commune": "99001",
    "danger_now": True,
    "kinds": ["violence"],
    "child": {"name": "Vừ Mí Sính", "age_estimate": 9, "sex": "male"},
    "narrative": "Hàng xóm nghe tiếng đánh, cháu chảy máu đầu.",
    "reporter": {"name": "Lầu Thị Dở", "phone": "0900 000 111"},
}
Post = Callable[..., TestResponse]


@pytest.fixture
def post(town: Town, app: APIFlask) -> Post:  # noqa: F811
    """`post(body, key=…, idempotency=…)`: one POST /api/v1/reports; bytes go as they are, anything else as JSON."""

    def send(body: Any, *, key: str | None = town.world.api_key, idempotency: str | None = None) -> TestResponse:
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        if idempotency is not None:
            headers["Idempotency-Key"] = idempotency
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return app.test_client().post("/api/v1/reports", data=data, headers=headers)

    return send
