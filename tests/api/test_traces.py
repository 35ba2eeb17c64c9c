"""What a trace of the service holds, and what it never does."""

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from quick_world import MODEL

from gatekeeper.core.errors import UsageError
from gatekeeper.core.spans import here, span
from gatekeeper.runtime.stored import StoredRuntime
from gatekeeper.runtime.tracing import traced
from gatekeeper.store import queue

ASKED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "/home/zelda/secret weights"


@pytest.fixture
def exported():
    exporter = InMemorySpanExporter()
    with traced("", service="test", version="0", processors=[SimpleSpanProcessor(exporter)]):
        yield exporter


def named(exported, name):
    return [each for each in exported.get_finished_spans() if each.name == name]


def below(exported, parent):
    return [
        each.name
        for each in exported.get_finished_spans()
        if each.parent is not None and each.parent.span_id == parent.context.span_id
    ]


def test_an_evaluation_is_one_trace_from_request_to_ledger(world, exported):
    update = world.proposed(first=True)
    exported.clear()

    world.zelda.run(update)

    (request,) = named(exported, "POST /v1/updates/{update_id}/runs")
    (gate,) = named(exported, "gate")
    (judge,) = named(exported, "judge")
    trace = {
        each.context.trace_id for each in exported.get_finished_spans() if each.name != "GET /v1/updates/{update_id}"
    }
    assert trace == {request.context.trace_id}
    assert request.kind.name == "SERVER"
    assert (request.attributes["http.route"], request.attributes["http.response.status_code"]) == (
        "/v1/updates/{update_id}/runs",
        201,
    )
    assert (gate.attributes["gatekeeper.gate"], gate.attributes["gatekeeper.status"]) == ("artifact/count", "measured")
    assert gate.attributes["gatekeeper.rows"] == 2
    assert judge.attributes["gatekeeper.outcome"] == "ADMIT"
    assert "ledger.append" in below(exported, judge)


def test_a_promotion_shows_each_step_of_its_saga(world, exported):
    world.live()

    (promote,) = named(exported, "promote")
    steps = below(exported, promote)
    assert steps == [
        "promote.intend",
        "promote.hash",
        "promote.passport",
        "promote.alias",
        "promote.hash",
        "promote.passport",
        "promote.alias",
        "promote.observe",
    ]
    assert {"approve", "propose"} <= {each.name for each in exported.get_finished_spans()}


def test_a_callers_trace_is_joined(world, exported):
    world.dana.call("GET", "/v1/me", headers={"traceparent": ASKED})

    (request,) = named(exported, "GET /v1/me")
    assert f"{request.context.trace_id:032x}" == ASKED[3:35]
    assert f"{request.parent.span_id:016x}" == ASKED[36:52]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}, id="no-trace"),
        pytest.param({"traceparent": "x" * 5000}, id="long"),
        pytest.param([("traceparent", ASKED), ("traceparent", ASKED)], id="twice"),
    ],
)
def test_what_is_no_trace_begins_a_new_one(world, exported, sent):
    headers = [("Authorization", f"Bearer {world.dana.token}"), *(sent.items() if isinstance(sent, dict) else sent)]

    assert world.client.get("/v1/me", headers=headers).status_code == 200

    (request,) = named(exported, "GET /v1/me")
    assert request.parent is None


def test_a_queued_run_keeps_the_trace_of_whoever_asked(world, exported):
    world.live()
    update = world.proposed()

    with span("asking", parent=ASKED):
        run = StoredRuntime(world.workspace.store).enqueue(update, world.policy)
        place = here()

    with world.workspace.store.reading() as session:
        assert queue.traced(session, run) == [place]
    assert place[3:35] == ASKED[3:35]


def test_health_checks_and_scrapes_leave_no_span(world, exported):
    for path in ("/healthz", "/readyz", "/metrics", "/static/mark.svg"):
        world.client.get(path)

    assert exported.get_finished_spans() == ()


def test_an_error_is_told_by_its_type_alone(exported):
    with pytest.raises(UsageError), span("gate", gate="data/pii"):
        raise UsageError(f"{SECRET} is unreadable.", hint=SECRET)

    (failed,) = named(exported, "gate")
    assert not failed.status.is_ok
    assert failed.attributes["error.type"] == "UsageError"
    assert failed.events == ()
    assert SECRET not in failed.to_json()


def test_nothing_in_a_trace_has_a_name(world, exported):
    world.live()
    world.zelda.propose(world.folder(), name="a very secret name", trainer="someone")
    world.client.get("/v1/models/secret-model", headers={"traceparent": ASKED})

    everything = "".join(each.to_json() for each in exported.get_finished_spans())

    for word in (MODEL + '"', "secret", "zelda", "dana", "someone", str(world.root), "gk_"):
        assert word not in everything


def test_without_a_collector_nothing_is_recorded(world):
    with traced("", service="test", version="0"):
        world.live()

        assert here() is None


@pytest.mark.parametrize("address", ["collector:4318", "ftp://collector", "grpc://collector:4317"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(UsageError, match="cannot be sent"), traced(address, service="test", version="0"):
        pass
