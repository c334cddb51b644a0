"""What another body is shown: an allow-list of field groups, decided in the law's data and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from casework.law.model import Audience, Field, Law


def datum_fields(law: Law) -> dict[str, Field]:
    """Datum → the field that owns it: the first form that asks it."""
    owners: dict[str, Field] = {}
    for form in law.forms.values():
        for one in form.fields:
            if one.datum is not None:
                owners.setdefault(one.datum, one)
    return owners


def packet_of(law: Law, audience: Audience, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The facts this audience may see: a datum with no known owner or of another group stays out."""
    owners = datum_fields(law)
    return {
        datum: entry["value"]
        for datum, entry in facts.items()
        if datum in owners and owners[datum].group in audience.shows
    }
