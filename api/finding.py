"""Finds what a path names, or says that it is not there; and checks that a caller decides about what they saw."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from api.calls import Call, etag_of
from api.payloads import SeenIn
from api.permissions import project_roles
from api.problems import Problem
from api.shapes.updates import UpdateOut
from api.views import update_out
from gatekeeper.core.errors import GatekeeperError, InputError, PolicyError, UsageError
from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import models, runs, updates
from gatekeeper.store.tables import ModelRow, RequestRow, RunRow, UpdateRow
from policies.policy import Policy


def update_at(session: Session, update_id: str) -> UpdateRow:
    """Return the update of that id.

    Raises:
        Problem: there is none.
    """
    row = None if "\x00" in update_id else updates.find(session, update_id)
    if row is None:
        raise Problem("not-found", "There is no such update.", hint="GET /v1/updates lists them.")
    return row


def request_at(session: Session, request_id: str) -> RequestRow:
    """Return the request of that id.

    Raises:
        Problem: there is none.
    """
    row = None if "\x00" in request_id else session.get(RequestRow, request_id)
    if row is None:
        raise Problem("not-found", "There is no such request.", hint="GET /v1/requests lists those that wait.")
    return row


def model_at(session: Session, name: str) -> ModelRow:
    """Return the model of that name.

    Raises:
        Problem: there is none.
    """
    row = None if "\x00" in name else models.find_model(session, name)
    if row is None:
        raise Problem("not-found", "There is no such model.", hint="GET /v1/models lists them.")
    return row


def judged(session: Session, row: UpdateRow) -> tuple[RunRow, Verdict]:
    """Return an update's newest run and its verdict.

    Raises:
        Problem: there is none yet.
    """
    run = runs.newest(session, row.id)
    verdict = None if run is None else runs.verdict(session, run.id)
    if run is None or verdict is None:
        raise Problem("not-found", "The update has no verdict yet.", hint="POST /v1/updates/{update_id}/runs.")
    return run, verdict


def policy_or_none(call: Call) -> Policy | None:
    """Return the present policy; ``None`` where it does not load, which keeps nobody from reading."""
    try:
        return call.service.policy()
    except PolicyError:
        return None


def seen_now(workspace: Workspace, call: Call, update_id: str) -> UpdateOut:
    """Return an update as it is now.

    Raises:
        Problem: there is none.
    """
    with workspace.store.reading() as session:
        return update_out(session, update_at(session, update_id), policy_or_none(call))


def require_seen(workspace: Workspace, call: Call, update_id: str, seen: SeenIn | None) -> None:
    """Return when the caller saw the update as it is, and decides about exactly its digests.

    Raises:
        Problem: they did not.
    """
    now = seen_now(workspace, call, update_id)
    call.require_match(etag_of(now))
    if seen is not None and now.digests.model_dump() != seen.model_dump():
        raise Problem(
            "stale-view",
            "The digests in view are not those of the update now: what was decided about is something else.",
            hint="Read the update again, and decide about what stands there.",
        )


def require_domain(call: Call, policy: Policy) -> None:
    """Return when the token covers decisions under this policy.

    Raises:
        Problem: its roles are none that the policy names.
    """
    if not project_roles(call.caller.words) & set(policy.approvals.roles):
        raise Problem(
            "not-allowed",
            "The token covers none of the roles that may decide under this policy: "
            f"{', '.join(policy.approvals.roles)}.",
            hint="Use a token for one of them.",
        )


@contextmanager
def nothing_wrong_with_the_payload() -> Iterator[None]:
    """Turn what the command line calls wrong usage into a conflict, where no payload can be at fault.

    Raises:
        Problem: in its place.
    """
    try:
        yield
    except PolicyError:
        raise
    except (UsageError, InputError) as error:
        raise _as_state(error) from error


def _as_state(error: GatekeeperError) -> Problem:
    return Problem("state", error.message, hint=error.hint)
