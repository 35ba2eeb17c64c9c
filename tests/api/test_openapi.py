"""The description says what the service does."""

import pytest

from api.permissions import ROUTES, TABLE


@pytest.fixture
def form(world):
    return world.client.get("/v1/openapi.json").json()


def operations(form):
    for path, methods in form["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_described_but_the_description_itself(form):
    described = {(method, path) for method, path, _ in operations(form)}

    assert described == {(route.method, route.path) for route in ROUTES} - {("GET", "/v1/openapi.json")}


def test_every_route_says_who_may_call_it(form):
    said = {(method, path): set(operation.get("x-roles", ())) for method, path, operation in operations(form)}

    for route in ROUTES:
        if route.path != "/v1/openapi.json":
            assert said[route.method, route.path] == set(route.roles or ())


def test_every_refusal_is_described_as_a_problem(form):
    for _method, path, operation in operations(form):
        for status, response in operation["responses"].items():
            if status >= "400" and path != "/readyz":
                assert list(response["content"]) == ["application/problem+json"]


def test_every_write_takes_a_key_and_every_change_a_precondition(form):
    for method, path, operation in operations(form):
        headers = {each["name"]: each for each in operation.get("parameters", ()) if each["in"] == "header"}
        route = TABLE[method, path]
        assert ("Idempotency-Key" in headers) == (route.writes and route.roles is not None)
        assert ("If-Match" in headers) == route.guarded


def test_nothing_is_referred_to_that_is_not_there(form):
    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    names = {f"#/components/schemas/{name}" for name in form["components"]["schemas"]}
    assert set(references(form)) == names


def test_payloads_have_examples(form):
    schemas = form["components"]["schemas"]

    assert schemas["ProposalIn"]["properties"]["artifact"]["examples"] == ["models:/candidates/7"]
    assert schemas["ProblemOut"]["examples"][0]["status"] == 409


def test_only_what_makes_something_new_takes_no_precondition():
    assert {route.path for route in ROUTES if route.writes and not route.guarded} == {
        "/v1/quarantine/{scan}/to-sign",
        "/v1/quarantine/{scan}/release",
        "/v1/uploads",
        "/v1/uploads/{digest}/remove",
        "/v1/updates",
        "/v1/updates/{update_id}/runs/{run_id}/cancel",
        "/v1/webhooks",
        "/v1/webhooks/mlflow",
        "/v1/webhooks/{webhook_id}/test",
        "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/again",
    }
