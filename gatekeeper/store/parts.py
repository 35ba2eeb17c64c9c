"""Everybody who took part in an update: proposed it, decided about it, accepted a finding, or asked for something."""

from typing import Final

from sqlalchemy import BindParameter, bindparam, select, union
from sqlalchemy.orm import Session

from gatekeeper.store.tables import (
    ApprovalRow,
    PersonRow,
    RequestDecisionRow,
    RequestRow,
    UpdateRow,
    WaiverRow,
    table_of,
)

_P: Final = table_of(PersonRow)
_U: Final = table_of(UpdateRow)
_A: Final = table_of(ApprovalRow)
_W: Final = table_of(WaiverRow)
_R: Final = table_of(RequestRow)
_D: Final = table_of(RequestDecisionRow)
_ABOUT: Final[BindParameter[str]] = bindparam("update")
_PARTS: Final = union(
    select(_U.c.submitter.label("pseudonym")).where(_U.c.id == _ABOUT),
    select(_A.c.approver).where(_A.c.update_id == _ABOUT),
    select(_W.c.approver).where(_W.c.update_id == _ABOUT),
    select(_R.c.opened_by).where(_R.c.update_id == _ABOUT),
    select(_D.c.approver).join(_R, _R.c.id == _D.c.request_id).where(_R.c.update_id == _ABOUT),
).subquery()
_NAMELESS: Final = (
    select(_PARTS.c.pseudonym)
    .select_from(_PARTS.outerjoin(_P, _P.c.pseudonym == _PARTS.c.pseudonym))
    .where(_P.c.pseudonym.is_(None))
)


def nameless(session: Session, update_id: str) -> set[str]:
    """Return the pseudonyms of those who took part in an update and whose names nobody keeps: they were erased."""
    return {row.pseudonym for row in session.execute(_NAMELESS, {"update": update_id})}
