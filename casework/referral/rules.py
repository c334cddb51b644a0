"""What another body is shown: an allow-list of field groups, decided in the law's data and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from casework.law.forms import datum_fields
from casework.law.model import Audience, Form, Law, Section


def packet_of(law: Law, audience: Audience, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The facts this audience may see: a datum with no known owner or of another group stays out."""
    owners = datum_fields(law)
    return {
        datum: entry["value"]
        for datum, entry in facts.items()
        if datum in owners and owners[datum].group in audience.shows
    }


def packet_form(law: Law, shows: Sequence[str], packet: Mapping[str, Any]) -> Form:
    """A packet as a form to be read: one section a field group in `shows`, the datums as its questions.

    The second wall: a datum whose group is not in `shows` has no question, whatever the packet holds.
    """
    owners = datum_fields(law)
    sections = (
        Section(
            id=group,
            title=law.groups[group],
            fields=tuple(
                replace(one, id=datum, only_if=None)
                for datum, one in owners.items()
                if one.group == group and datum in packet
            ),
        )
        for group in shows
    )
    return replace(law.forms["referral"], id="packet", sections=tuple(one for one in sections if one.fields))
