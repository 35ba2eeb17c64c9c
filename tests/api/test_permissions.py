"""Every route with every role, from the table that the application itself is made from."""

from pathlib import Path

import pytest
from people import PEOPLE, person
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import ROLES, Person, World, as_json, token_for

from api.guard import guarded_router
from api.permissions import ROUTES, TABLE, Role, matrix, may, project_roles, role_of, words_for

HOME = Path(__file__).resolve().parents[2]
HOLDERS = {
    Role.SUBMITTER: "zelda",
    Role.APPROVER: "dana",
    Role.AUDITOR: "ola",
    Role.ADMIN: "ada",
    Role.SERVICE: "robot",
}
DECIDING = (
    "/approve",
    "/reject",
    "/request-changes",
    "/waive",
    "/release",
    "/revoke",
    "/rollback",
    "/anchor",
    "/break-glass",
    "/review",
)
WEBHOOK = {"webhook_id": "whe-0", "delivery_id": "whd-0"}
CASES = [
    pytest.param(route, role, id=f"{route.method} {route.path} as {role}") for route in ROUTES for role in HOLDERS
]


def filled(path):
    return (
        path.format(
            update_id="upd-0",
            run_id="run-0",
            scan="a",
            model="nothing",
            request_id="req-0",
            digest="sha256:0",
            seq="0",
            **WEBHOOK,
        )
        if "{" in path
        else path
    )


@pytest.fixture(scope="module")
def everybody(tmp_path_factory):
    """A service with somebody in every role, and nothing in it that a call could change."""
    tmp_path, policy = tmp_path_factory.mktemp("everybody"), quick_policy()
    registry = FakeRegistry(root=tmp_path / "registry")
    people = {**PEOPLE, "robot": person("robot", "service")}
    workspace = quick_workspace(tmp_path, registry, policies=(policy,), people=people)
    world = World(workspace, tmp_path, policy)
    world.people["robot"] = Person(world.client, token_for(workspace, "robot", "service"), "robot")
    yield world
    workspace.store.close()


def test_every_route_of_the_application_is_in_the_table(world):
    served = {(method, route.path) for route in world.app.routes for method in route.methods}

    assert served == set(TABLE)


def test_a_route_that_the_table_does_not_name_cannot_be_made():
    router = guarded_router()

    with pytest.raises(RuntimeError, match="nobody may call it"):

        @router.get("/v1/secrets")
        def secrets():
            return {}


@pytest.mark.parametrize(("route", "role"), CASES)
def test_a_role_may_call_what_the_table_says_and_nothing_else(everybody, route, role):
    answered = everybody.people[HOLDERS[role]].call(route.method, filled(route.path))

    allowed = route.roles is None or role in route.roles
    assert answered.status_code != 401
    assert (answered.status_code != 403) is allowed
    if not allowed:
        assert as_json(answered) == (403, "not-allowed")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_without_a_token_only_open_routes_answer(everybody, route):
    answered = everybody.client.request(route.method, filled(route.path))

    if route.roles is None:  # the registry's door is shut where its webhooks are not taken
        assert answered.status_code == (404 if route.writes else 200)
    else:
        assert as_json(answered) == (401, "no-token")
        assert answered.headers["WWW-Authenticate"].startswith("Bearer")


def test_who_calls_is_asked_before_the_payload_is_read(world):
    answered = world.client.post("/v1/updates", content=b"{ this is no JSON")

    assert as_json(answered) == (401, "no-token")


def test_a_service_account_decides_nothing():
    deciding = [route for route in ROUTES if route.path.endswith(DECIDING)]

    assert len(deciding) == 12
    assert not any(may(frozenset({"service"}), route) for route in deciding)


def test_a_program_has_no_roles_beside():
    assert words_for(("service", "approver", "admin")) == {"service"}


@pytest.mark.parametrize(
    ("word", "role"),
    [
        pytest.param("approver", Role.APPROVER, id="plain"),
        pytest.param("approver:safety", Role.APPROVER, id="domain"),
        pytest.param("approver:", None, id="empty-domain"),
        pytest.param("admin:safety", None, id="only-approvers-have-domains"),
        pytest.param("root", None, id="unknown"),
    ],
)
def test_words_stand_for_roles(word, role):
    assert role_of(word) is role


def test_roles_of_the_project_come_back_from_words():
    roles = ("submitter", "approver", "safety", "privacy")

    assert words_for(roles) == {"submitter", "approver", "approver:safety", "approver:privacy"}
    assert project_roles(words_for(roles)) == set(roles)


def test_the_matrix_in_the_documentation_is_the_table():
    assert matrix() in (HOME / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_tests_know_every_role():
    assert set(HOLDERS) == set(Role)
    assert {role for roles in ROLES.values() for role in roles} | {"service"} == set(Role)
