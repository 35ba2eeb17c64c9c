"""Whether anything at all is under way; asked before every change, and so in one statement."""

from typing import Final

from sqlalchemy import and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from gatekeeper.core.states import State
from gatekeeper.store.tables import (
    PromotionRow,
    PromotionState,
    RequestRow,
    RequestState,
    UpdateRow,
    table_of,
)

_P: Final = table_of(PromotionRow).c
_R: Final = table_of(RequestRow).c
_U: Final = table_of(UpdateRow).c
_ANYTHING: Final = select(
    or_(
        exists().where(_P.state.in_((PromotionState.PROMOTING, PromotionState.FAILED))),
        exists().where(
            or_(
                _R.state.in_((RequestState.OPEN, RequestState.APPROVED)),
                and_(_R.state == RequestState.DONE, _R.action == bindparam("lasting")),
            )
        ),
        exists().where(_U.state == State.EVALUATING),
    )
)


def anything(session: Session, *, lasting: str) -> bool:
    """Return whether a promotion is under way or was given up, a request waits or lasts, or an evaluation goes on.

    Args:
        session: reads.
        lasting: action of requests that, once carried out, last until somebody looked at them.
    """
    return bool(session.execute(_ANYTHING, {"lasting": lasting}).scalar_one())
