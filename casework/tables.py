"""Imports every room's tables, so that the metadata is whole wherever it is needed."""

from __future__ import annotations

from sqlmodel import SQLModel

from casework.access import models as access
from casework.audit import models as audit
from casework.cases import models as cases
from casework.deadlines import models as deadlines
from casework.files import models as files
from casework.incidents import models as incidents
from casework.intake import models as intake
from casework.notices import models as notices
from casework.oversight import models as oversight
from casework.papers import models as papers
from casework.people import contactmodels as contacts
from casework.people import factormodels as factors
from casework.people import models as people
from casework.people import phonemodels as phones
from casework.referral import models as referral
from casework.vault import models as vault

ROOMS = (
    access,
    audit,
    cases,
    contacts,
    deadlines,
    factors,
    files,
    incidents,
    intake,
    notices,
    oversight,
    papers,
    people,
    phones,
    referral,
    vault,
)
metadata = SQLModel.metadata
