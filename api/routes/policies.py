"""Policies: the present one, and those that earlier runs were decided under."""

from starlette.responses import Response

from api.calls import Here, answer
from api.finding import policy_or_none
from api.guard import guarded_router
from api.problems import Problem
from api.shapes.policies import PoliciesOut, PolicyLineOut, PolicyOut
from gatekeeper.store.listing import policy_digests, run_with_policy
from policies.policy import normal_form

router = guarded_router()


@router.get("/v1/policies", response_model=PoliciesOut, summary="List policies", tags=["policies"])
def list_policies(call: Here) -> Response:
    """Return the present policy first, where it loads, then those of earlier runs."""
    present = policy_or_none(call)
    items = [] if present is None else [PolicyLineOut(name=present.name, digest=present.digest, present=True)]
    with call.service.workspace.store.reading() as session:
        items += [
            PolicyLineOut(name=name, digest=digest, present=False)
            for digest, name in policy_digests(session)
            if present is None or digest != present.digest
        ]
    return answer(PoliciesOut(items=items))


@router.get("/v1/policies/{digest}", response_model=PolicyOut, summary="One policy", tags=["policies"])
def one_policy(digest: str, call: Here) -> Response:
    """Return a policy's normal form."""
    present = policy_or_none(call)
    if present is not None and present.digest == digest:
        form, name = normal_form(present), present.name
    else:
        with call.service.workspace.store.reading() as session:
            run = None if "\x00" in digest else run_with_policy(session, digest)
        if run is None:
            raise Problem("not-found", "Nothing was ever evaluated under a policy of that digest.")
        form, name = run.policy, run.policy_name
    if not isinstance(form, dict):
        raise Problem("verification", "The stored policy is none.", hint="gatekeeper ledger verify says more.")
    is_present = present is not None and present.digest == digest
    return answer(PolicyOut(name=name, digest=digest, present=is_present, policy=form))
