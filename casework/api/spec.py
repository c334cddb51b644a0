"""What the API promises, as OpenAPI 3.1: written from the same schemas that read the bodies."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from casework.intake.schemas import KeptOut, ReportIn, ReportOut

KEY_LENGTH = 200
REPORTS_PATH = "/api/v1/reports"
PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Nothing of what was sent is repeated.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The request's id, to quote when asking for help."},
    },
}
EXAMPLE = {
    "received_at": "2026-11-22T22:14:00+07:00",
    "channel": "phone",
    "incident_commune": "99001",
    "danger_now": True,
    "category": "abused",
    "kinds": ["violence"],
    "child": {"name": "Vừ Mí Thử", "age_estimate": 9, "sex": "male", "whereabouts": "trạm y tế xã"},
    "alleged_harmer": {"relation": "stepfather", "lives_with_child": True},
    "narrative": "Cháu bị đánh, chảy máu đầu.",
    "reporter": {"phone": "0900000000"},
    "external_id": "111-000123",
}


def described(spec: dict[str, Any]) -> dict[str, Any]:
    """`spec` with the API's own paths, schemas and security put in."""
    models: list[tuple[type[BaseModel], str]] = [
        (ReportIn, "validation"),
        (ReportOut, "serialization"),
        (KeptOut, "serialization"),
    ]
    _names, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    spec["paths"] = {REPORTS_PATH: {"post": _post_report()}}
    parts = spec.setdefault("components", {})
    parts["schemas"] = {**schemas["$defs"], "Problem": PROBLEM}
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "The key the office gave out."}
    }
    spec["tags"] = [{"name": "reports"}]
    return spec


def _post_report() -> dict[str, Any]:
    return {
        "operationId": "postReport",
        "tags": ["reports"],
        "summary": "Hand over a report about a child",
        "description": (
            "Answered only after the report is kept. A body that cannot be read as a report is kept as well, for a person"
            " to read (202): no report is lost to a wrong field. Any content type is taken; the body is read as JSON in UTF-8."
        ),
        "security": [{"bearer": []}],
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key with the same body is answered again and kept once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("ReportIn"), "example": EXAMPLE}},
        },
        "responses": {
            "201": _answer("Kept: the report's and the case's codes, and the clocks that now run", "ReportOut"),
            "202": _answer("Kept for a person to read, and what could not be read", "KeptOut"),
            "401": _refusal("The key is missing or unknown"),
            "413": _refusal("The body is larger than 1 MiB"),
            "422": _refusal("The Idempotency-Key came before with another body, or does not fit"),
            "429": _refusal("Too many tries with unknown keys; Retry-After says when"),
            "503": _refusal("Not kept: the database is away; Retry-After says when"),
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(words: str, schema: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": _ref(schema)}}}


def _refusal(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/problem+json": {"schema": _ref("Problem")}}}
