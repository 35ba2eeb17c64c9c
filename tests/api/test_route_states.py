"""Every write on an update, in every state, as every role that may ask: what the table says, and no other change."""

from pathlib import Path

import pytest
from people import PEOPLE, person
from pipeline_views import state_of
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import Person, World, as_json, token_for
from sqlalchemy import update as change

from api.permissions import ROUTES, Role, states_matrix
from gatekeeper.core.states import State
from gatekeeper.store import entries
from gatekeeper.store.tables import UpdateRow

HOME = Path(__file__).resolve().parents[2]
WRITES = [route for route in ROUTES if route.states is not None]
HOLDERS = {
    Role.SUBMITTER: "zelda",
    Role.APPROVER: "kim",
    Role.AUDITOR: "ola",
    Role.ADMIN: "ada",
    Role.SERVICE: "robot",
}
CASES = [
    pytest.param(route, role, state, id=f"{route.path.rpartition('/')[2]} of {state} as {role}")
    for route in WRITES
    for role in Role
    for state in State
]


@pytest.fixture(scope="module")
def everybody(tmp_path_factory):
    """A service with somebody in every role, where a program and an administrator may propose and decide too."""
    root, policy = tmp_path_factory.mktemp("states"), quick_policy()
    people = {**PEOPLE, "robot": person("robot", "service")}
    registry = FakeRegistry(root=root / "registry")
    workspace = quick_workspace(root, registry, policies=(policy,), people=people)
    world = World(workspace, root, policy)
    world.people["robot"] = Person(world.client, token_for(workspace, "robot", "service"), "robot")
    world.live()
    world.shared = world.judged()
    world.dana.decide(world.shared)
    yield world
    workspace.store.close()


def put(world, update, state):
    """Put an update into a state, whatever it takes."""
    with world.workspace.store.transaction() as session:
        session.execute(change(UpdateRow).where(UpdateRow.id == update).values(state=state))


def length(world):
    with world.workspace.store.reading() as session:
        return entries.size(session)


def asked(world, route, update, who):
    """Look at the update, and ask for the write as a reasonable caller would."""
    etag, seen = who.seen(update)
    name = route.path.rpartition("/")[2]
    body = {"seen": seen}
    if name in {"approve", "reject", "request-changes", "waive", "revoke"}:
        # Of this world's verdicts nothing can be accepted, so that nothing is to be signed for it.
        asked = {"action": "approve" if name == "waive" else name}
        (*_before, decision) = world.kim.get(f"/v1/updates/{update}/to-sign", params=asked).json()["decisions"] or [
            None
        ]
        envelope = who.sign(decision)
        body = {"envelopes": [envelope]} if name == "revoke" else {"envelope": envelope, "seen": seen}
        body |= {"request-changes": {"comment": "another way"}, "waive": {"code": "a/b/c", "because": "x"}}.get(
            name, {}
        )
    return who.post(f"/v1/updates/{update}/{name}", None if name == "runs" else body, etag=etag)


def ready(world, state):
    """Return an update that is in a state with everything that belongs to it."""
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
    could = state in route.states and role in route.roles
    update = ready(world, state) if could else world.shared
    put(world, update, state)
    before = length(world)

    answered = asked(world, route, update, who)

    if role is Role.SERVICE and route.path.endswith("/withdraw"):
        assert as_json(answered) == (403, "may-not-decide")  # somebody else proposed it
    elif role not in route.roles:
        assert as_json(answered) == (403, "not-allowed")
    elif route.path.endswith("/revoke") and role is Role.ADMIN:
        assert as_json(answered) == (403, "not-allowed")  # this policy names approvers alone
    elif state not in route.states or route.path.endswith("/waive"):
        assert as_json(answered) == (409, "state")  # tests/api/test_waiver_routes.py has what can be accepted
    elif route.path.endswith("/revoke") and state is State.ACTIVE:
        assert answered.status_code == 409  # it is not what the registry says is live
    else:
        assert answered.status_code in (200, 201), answered.text
        assert state_of(world.workspace, update) is not state
        assert length(world) > before
        return
    assert state_of(world.workspace, update) is state
    assert length(world) == before


def test_the_states_in_the_documentation_are_the_table():
    assert states_matrix() in (HOME / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_tests_know_every_write_on_an_update():
    writes = {route.path for route in ROUTES if route.writes and route.path.startswith("/v1/updates/{update_id}/")}

    asking = {f"/v1/updates/{{update_id}}/{name}" for name in ("anchor", "break-glass", "review")}
    asking.add("/v1/updates/{update_id}/runs/{run_id}/cancel")
    assert writes - asking == {route.path for route in WRITES}
