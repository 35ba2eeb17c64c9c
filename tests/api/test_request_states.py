"""Every decision about a request of every kind, in every state, as every role: what the table says, nothing else."""

import pytest
from people import PEOPLE
from service_world import as_json
from state_world import HOLDERS, everybody_in, length, put, put_request

from api.permissions import ROUTES, Role
from gatekeeper.core.states import State
from gatekeeper.store import requests
from gatekeeper.store.tables import RequestState

DECIDING = [route for route in ROUTES if route.request_states is not None]
KINDS = ("anchor", "break-glass", "review")
DECIDERS = {"anchor": Role.APPROVER, "break-glass": Role.ADMIN, "review": Role.ADMIN}
"""Of the roles that may ask, which one this policy and the design let decide."""

CASES = [
    pytest.param(route, kind, role, state, id=f"{route.path.rpartition('/')[2]} {kind} {state} as {role}")
    for route in DECIDING
    for kind in KINDS
    for role in Role
    for state in RequestState
]


@pytest.fixture(scope="module")
def everybody(tmp_path_factory):
    """A service with somebody in every role, and one request of every kind that nobody's case uses up."""
    with everybody_in(tmp_path_factory.mktemp("request-states")) as world:
        world.waiting = {kind: opened(world, kind) for kind in KINDS}
        yield world


def opened(world, kind):
    """Let somebody other than who will decide ask for something new; return the request's id."""
    if kind == "anchor":
        update = world.judged()
        put(world, update, State.SUPERSEDED)
        return world.ask(world.dana, update, "anchor")
    if kind == "break-glass":
        update = world.blocked()
        return world.ask(world.abe, update, "break-glass", incident="INC-1", justification="because")
    return world.ask(world.abe, world.over_its_verdict(), "review", justification="because")


def state_of_request(world, request):
    with world.workspace.store.reading() as session:
        return requests.require(session, request).state


@pytest.mark.parametrize(("route", "kind", "role", "state"), CASES)
def test_a_decision_does_what_the_table_says(everybody, route, kind, role, state):
    world, who = everybody, everybody.people[HOLDERS[role]]
    verb = route.path.rpartition("/")[2]
    may = role is DECIDERS[kind]
    could = may and state in route.request_states
    request = opened(world, kind) if could else world.waiting[kind]
    put_request(world, request, state)
    path, before = f"/v1/requests/{request}", length(world)

    etag = world.ola.get(path).headers["ETag"]
    eyes = who if may else world.ada
    told = eyes.get(f"{path}/to-sign", params={"action": verb}).json()["decisions"]
    answered = who.post(
        route.path.format(request_id=request), {"envelopes": [who.sign(each) for each in told]}, etag=etag
    )

    if role not in route.roles or not may:
        assert as_json(answered) == (403, "not-allowed")
    elif state not in route.request_states:
        assert as_json(answered) == (409, "state")
    else:
        assert answered.status_code == 200, answered.text
        after = state_of_request(world, request)
        assert after is (RequestState.APPROVED if verb == "approve" else RequestState.REFUSED)
        assert length(world) > before
        return
    assert state_of_request(world, request) is state
    assert length(world) == before


def test_the_people_who_decide_are_not_those_who_ask():
    assert {"dana", "abe"} <= set(PEOPLE) - set(HOLDERS.values())
