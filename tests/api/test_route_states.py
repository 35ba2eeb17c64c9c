"""Every write on an update, in every state, as every role that may ask: what the table says, and no other change."""

from pathlib import Path

import pytest
from pipeline_views import state_of
from service_world import as_json
from state_world import HOLDERS, everybody_in, length, put

from api.permissions import ROUTES, Role, states_matrix
from gatekeeper.core.states import State

HOME = Path(__file__).resolve().parents[2]
WRITES = [route for route in ROUTES if route.states is not None]
ASKING = {"anchor", "break-glass", "review"}
CASES = [
    pytest.param(route, role, state, id=f"{route.path.rpartition('/')[2]} of {state} as {role}")
    for route in WRITES
    for role in Role
    for state in State
]


@pytest.fixture(scope="module")
def everybody(tmp_path_factory):
    """A service with somebody in every role, an update that people agreed to, and one that was blocked."""
    with everybody_in(tmp_path_factory.mktemp("states")) as world:
        yield world


def asked(world, route, update, who):
    """Look at the update, and ask for the write as a reasonable caller would."""
    etag, seen = who.seen(update)
    name = route.path.rpartition("/")[2]
    body = {"seen": seen}
    if name in {"approve", "reject", "request-changes", "waive", "revoke", *ASKING}:
        eyes = who if name in ASKING and who.name in ("ada", "kim") else world.ada
        # Of this world's verdicts nothing can be accepted, so that nothing is to be signed for it.
        told = [
            eyes.get(f"/v1/updates/{update}/to-sign", params={"action": action}).json()
            for action in ("approve" if name == "waive" else name, "revoke")
        ]
        # Where there is nothing to sign, somebody sends what they signed for something else.
        decisions = told[0].get("decisions") or told[1]["decisions"][-1:]
        envelopes = [who.sign(decision) for decision in decisions]
        body = {"envelope": envelopes[-1], "seen": seen}
        if name in {"revoke", *ASKING}:
            body = {"envelopes": envelopes[-1:] if name == "revoke" else envelopes}
        if name in {"break-glass", "review"}:
            body["justification"] = "because"
        if name == "break-glass":
            body["incident"] = "INC-1"
        body |= {"request-changes": {"comment": "another way"}, "waive": {"code": "a/b/c", "because": "x"}}.get(
            name, {}
        )
    return who.post(f"/v1/updates/{update}/{name}", None if name == "runs" else body, etag=etag)


def ready(world, route, state):
    """Return an update that is in a state with everything that belongs to it."""
    name = route.path.rpartition("/")[2]
    if name == "break-glass":
        return world.blocked()
    if name == "review":
        return world.over_its_verdict()
    if state is State.SUBMITTED:
        return world.proposed()
    update = world.judged()
    if state in (State.APPROVED, State.PROMOTION_FAILED):
        world.dana.decide(update)
    put(world, update, state)
    return update


@pytest.mark.parametrize(("route", "role", "state"), CASES)
def test_a_write_does_what_the_table_says(everybody, route, role, state):
    world, who = everybody, everybody.people[HOLDERS[role]]
    name = route.path.rpartition("/")[2]
    could = state in route.states and role in route.roles
    update = ready(world, route, state) if could else world.shared
    if name not in ASKING or not could:
        put(world, update, state)
    before = length(world)

    answered = asked(world, route, update, who)

    if role is Role.SERVICE and route.path.endswith("/withdraw"):
        assert as_json(answered) == (403, "may-not-decide")  # somebody else proposed it
    elif role not in route.roles:
        assert as_json(answered) == (403, "not-allowed")
    elif name in {"revoke", "anchor"} and role is Role.ADMIN:
        assert as_json(answered) == (403, "not-allowed")  # this policy names approvers alone
    elif state not in route.states or name == "waive":
        assert as_json(answered) == (409, "state"), answered.text  # test_waiver_routes.py has what can be accepted
    elif name == "revoke" and state is State.ACTIVE:
        assert answered.status_code == 409  # it is not what the registry says is live
    elif name in ASKING:
        assert answered.status_code == 201, answered.text
        assert answered.json()["state"] == "OPEN"
        assert (state_of(world.workspace, update), length(world) > before) == (state, True)
        return
    else:
        assert answered.status_code in (200, 201), answered.text
        assert state_of(world.workspace, update) is not state
        assert length(world) > before
        return
    assert state_of(world.workspace, update) is state
    assert length(world) == before


def test_the_states_in_the_documentation_are_the_table():
    assert states_matrix() in (HOME / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_write_on_an_update_or_a_request_names_its_states():
    writes = {route.path for route in ROUTES if route.writes and route.path.startswith("/v1/updates/{update_id}/")}
    deciding = {route.path for route in ROUTES if route.writes and route.path.startswith("/v1/requests/")}

    cancelling = {"/v1/updates/{update_id}/runs/{run_id}/cancel"}  # about a run, and harmless in every state
    assert writes - cancelling == {route.path for route in WRITES}
    assert deciding == {route.path for route in ROUTES if route.request_states is not None}
