"""The browsers that may ring for a person: allowed by that person, one by one, and taken away again at will."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Invalid, NotFound
from casework.notices.models import PushDevice
from casework.notices.push import PushSender
from casework.work import Work

MOST = 10  # devices of one person: the oldest gives way
LONGEST = {"endpoint": 1000, "p256dh": 100, "auth": 40}
KEY = re.compile(r"[A-Za-z0-9_-]+")
LABEL_LENGTH = 60


@dataclass(frozen=True)
class Device:
    """A device as its person sees it."""

    id: UUID
    label: str
    since: datetime


def allow_device(
    work: Work, staff_id: UUID, subscription: Mapping[str, str], label: str, *, sender: PushSender
) -> PushDevice:
    """Lets this browser ring for the person; who used the same browser before no longer rings there.

    Raises Invalid for a subscription that no browser makes, or of a push service that is not known.
    """
    parts = {name: subscription.get(name, "") for name in LONGEST}
    keys_fit = all(KEY.fullmatch(parts[name]) for name in ("p256dh", "auth"))
    if not keys_fit or any(len(parts[name]) > most for name, most in LONGEST.items()):
        raise Invalid({"subscription": "not-a-subscription"})
    if not sender.takes(parts["endpoint"]):
        raise Invalid({"subscription": "unknown-push-service"})
    digest = work.keys.digest("push-endpoint", parts["endpoint"])
    known = select(PushDevice).where(PushDevice.endpoint_digest == digest, col(PushDevice.removed_at).is_(None))
    for before in work.session.exec(known.with_for_update()):
        _remove(work, before)
    for oldest in _live(work, staff_id)[MOST - 1 :]:
        _remove(work, oldest)
    work.session.flush()
    device = PushDevice(staff_id=staff_id, endpoint_digest=digest, created_at=work.now)
    work.seal(device, subscription={**parts, "label": label[:LABEL_LENGTH]})
    work.session.add(device)
    work.session.flush()
    record(work, Tag.DEVICE_ALLOWED, object_type="push-device", object_id=device.id)
    return device


def remove_device(work: Work, staff_id: UUID, device_id: UUID) -> None:
    """Raises NotFound for a device that is not this person's."""
    device = work.session.get(PushDevice, device_id)
    if device is None or device.staff_id != staff_id or device.removed_at is not None:
        raise NotFound("device")
    _remove(work, device)


def forget_gone(work: Work, device_id: UUID) -> None:
    """The push service says that this browser no longer takes anything."""
    device = work.session.get(PushDevice, device_id)
    if device is not None and device.removed_at is None:
        _remove(work, device)


def devices_of(work: Work, staff_id: UUID) -> list[Device]:
    """Newest first."""
    rows = _live(work, staff_id)
    opened = work.open_all(rows, "subscription")
    return [Device(row.id, one["label"], row.created_at) for row, one in zip(rows, opened, strict=True)]


def device_ids(work: Work, staff_id: UUID) -> list[UUID]:
    return [one.id for one in _live(work, staff_id)]


def subscription_text(work: Work, device_id: UUID | None) -> str:
    """What the sender needs to ring this device, as JSON; empty where it was taken away."""
    device = work.session.get(PushDevice, device_id) if device_id else None
    if device is None or device.removed_at is not None:
        return ""
    return json.dumps({name: work.open(device, "subscription")[name] for name in LONGEST})


def _live(work: Work, staff_id: UUID) -> Sequence[PushDevice]:
    return work.session.exec(
        select(PushDevice)
        .where(PushDevice.staff_id == staff_id, col(PushDevice.removed_at).is_(None))
        .order_by(col(PushDevice.created_at).desc(), col(PushDevice.id))
    ).all()


def _remove(work: Work, device: PushDevice) -> None:
    work.seal(device, subscription=None)
    device.removed_at = work.now
    work.session.add(device)
    record(work, Tag.DEVICE_REMOVED, object_type="push-device", object_id=device.id)
