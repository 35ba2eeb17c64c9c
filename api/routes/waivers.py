"""Findings that people accept until a date, where the policy lets them."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session
from starlette.responses import Response

from api.calls import Call, Here, answer
from api.finding import nothing_wrong_with_the_payload, policy_or_none, require_seen, seen_now, update_at
from api.guard import guarded_router
from api.payloads import WaiverIn
from api.permissions import project_roles
from api.problems import Problem
from api.shapes.waivers import AcceptableOut, AcceptedOut, WaiverOut, WaiversOut
from api.signed_in import own_signature
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.waivers.counted import rule_of
from gatekeeper.pipeline.waivers.give import acceptable, waive
from gatekeeper.store import people, runs, texts, waivers
from gatekeeper.store.tables import UpdateRow, WaiverRow
from policies.policy import Policy

router = guarded_router()


@router.get("/v1/updates/{update_id}/waivers", response_model=WaiversOut, summary="Its waivers", tags=["waivers"])
def list_waivers(update_id: str, call: Here) -> Response:
    """Return what of the newest verdict people may accept, and every acceptance over all its runs."""
    policy, now = policy_or_none(call), datetime.now(UTC)
    with call.service.workspace.store.reading() as session:
        row = update_at(session, update_id)
        run = runs.latest(session, row.id)
        verdict = None if run is None else runs.verdict(session, run.id)
        counted = set() if verdict is None else {id_ for each in verdict.waived for id_ in each.ids}
        return answer(
            WaiversOut(
                acceptable=[] if policy is None or verdict is None else _acceptable(session, row, policy, now),
                items=[
                    _waiver(session, each, counts=each.id in counted and each.expires > now)
                    for each in waivers.of_update(session, row.id)
                ],
            )
        )


@router.post("/v1/updates/{update_id}/waive", response_model=AcceptedOut, summary="Accept a finding", tags=["waivers"])
def accept(update_id: str, waiver: WaiverIn, call: Here) -> Response:
    """Accept exactly this finding until a date; once enough people did, the verdict is decided anew with it."""

    def act() -> Response:
        workspace, policy = call.service.settled(), call.service.policy()
        with call.service.turn(update_id):
            require_seen(workspace, call, update_id, waiver.seen)
            _require_role(call, policy, waiver.code)
            key = own_signature(call, (waiver.envelope,))
            with nothing_wrong_with_the_payload():
                accepted = waive(
                    workspace,
                    update_id,
                    waiver.code,
                    person=call.caller.principal.name,
                    policy=policy,
                    key=key,
                    because=waiver.because,
                )
        return answer(
            AcceptedOut(
                waiver=accepted.waiver,
                given=accepted.given,
                required=accepted.required,
                update=seen_now(workspace, call, update_id),
            )
        )

    return call.once(act)


def _require_role(call: Call, policy: Policy, code: str) -> None:
    """Return when the token covers a role that the policy names for a finding.

    Raises:
        Problem: it does not.
    """
    gate = code.rpartition("/")[0]
    rule = rule_of(policy, code, gate)
    if rule is not None and not project_roles(call.caller.words) & set(rule.roles):
        raise Problem(
            "not-allowed",
            f"The token covers none of the roles that may accept {code}: {', '.join(rule.roles)}.",
            hint="Use a token for one of them.",
        )


def _acceptable(session: Session, row: UpdateRow, policy: Policy, now: datetime) -> list[AcceptableOut]:
    run, verdict, _binding = binding_of(session, row)
    return [
        AcceptableOut(
            gate=each.reason.gate,
            code=each.reason.code,
            text=each.reason.text,
            finding=each.finding,
            roles=list(each.rule.roles),
            given=len({one.approver for one in waivers.of_finding(session, run.id, each.finding, moment=now)}),
            required=each.rule.required,
            days=each.rule.days,
        )
        for each in acceptable(session, row, run, verdict, policy)
    ]


def _waiver(session: Session, row: WaiverRow, *, counts: bool) -> WaiverOut:
    return WaiverOut(
        id=row.id,
        run=row.run_id,
        code=row.code,
        finding=row.finding,
        by=people.display_name(session, row.approver),
        justification=texts.find(session, row.justification_digest),
        envelope=row.envelope,
        given=row.given,
        expires=row.expires,
        counts=counts,
    )
