"""How a machine is told no: RFC 9457 problems. A slug, a sentence and the request's id; never a word of what it sent."""

from __future__ import annotations

import json

from flask import Response, g, request

TITLES = {
    "bad-request": (400, "The request could not be understood"),
    "unknown-key": (401, "The key is missing or unknown"),
    "forbidden": (403, "This key may not do that"),
    "not-found": (404, "No such address"),
    "wrong-method": (405, "This address does not take that method"),
    "conflict": (409, "The case has moved on meanwhile, or its course does not allow this now"),
    "replayed": (409, "This has been received before"),
    "too-large": (413, "The body is larger than 1 MiB"),
    "invalid": (422, "Something in the body does not fit"),
    "idempotency-mismatch": (422, "This Idempotency-Key came before with another body"),
    "bad-idempotency-key": (422, "The Idempotency-Key is empty or longer than 200 characters"),
    "too-many-attempts": (429, "Too many tries with unknown keys"),
    "broken": (500, "The office's software failed"),
    "unavailable": (503, "The office cannot keep a report at this moment"),
}
DETAILS = {
    "unknown-key": "Send the key as Authorization: Bearer <key>. Nothing of the body was kept.",
    "too-large": "Nothing was kept. Send a shorter account, and the rest by phone: 111.",
    "conflict": "Nothing was kept. Send the report anew.",
    "replayed": "Nothing was kept a second time.",
    "invalid": "Nothing was kept. /api/openapi.json says what each field may hold.",
    "idempotency-mismatch": "Nothing was kept. Use a new key for a new report.",
    "bad-idempotency-key": "Nothing was kept. Send the report again with another key or with none.",
    "broken": "The report may not have been kept. Send it again with the same Idempotency-Key.",
    "unavailable": "Nothing was kept. Send it again with the same Idempotency-Key; if a child is in danger call 111.",
}
SLUGS = {
    400: "bad-request",
    401: "unknown-key",
    403: "forbidden",
    404: "not-found",
    405: "wrong-method",
    409: "conflict",
    413: "too-large",
    422: "invalid",
    429: "too-many-attempts",
    503: "unavailable",
}
MEDIA_TYPE = "application/problem+json"
API_PATH = "/api/"


def problem(slug: str, **headers: str) -> Response:
    status, title = TITLES[slug]
    body = {
        "type": f"/api/docs#{slug}",
        "title": title,
        "status": status,
        "detail": DETAILS.get(slug, title + "."),
        "instance": f"urn:casework:request:{g.get('request_id', '')}",
    }
    answer = Response(json.dumps(body, ensure_ascii=False), status=status, mimetype=MEDIA_TYPE)
    answer.headers.update(headers)
    return answer


def as_problem(answer: Response) -> Response:
    """Whatever refused a machine's request (the router, a limit, a fault), it reads a problem and not a page."""
    if answer.status_code < 400 or not request.path.startswith(API_PATH) or answer.mimetype == MEDIA_TYPE:
        return answer
    known = SLUGS.get(answer.status_code, "broken" if answer.status_code >= 500 else "bad-request")
    methods = getattr(request.routing_exception, "valid_methods", None)
    return problem(known, **({"Allow": ", ".join(sorted(methods))} if methods else {}))
