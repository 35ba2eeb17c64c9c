"""A worker in a process of its own sends its spans to a collector, in the trace of whoever asked for the run."""

from otlp_receiver import receiving

from gatekeeper.core.spans import span
from gatekeeper.runtime.tracing import traced
from gatekeeper.store import queue


def test_a_workers_spans_join_the_askers_trace(world):
    with receiving() as collector:
        with traced(collector.url, service="asker", version="0"), span("asking"):
            update, run_id = world.queued()
        working = world.worker(traces=collector.url)
        assert working.wait(60) == 0

    (asking,) = collector.named("asking")
    (run,) = collector.named("run")
    gates = collector.named("gate")
    assert set(collector.paths) == {"/v1/traces"}
    assert (asking.service, run.service) == ("asker", "gatekeeper-worker")
    assert {each.trace_id for each in collector.spans} == {asking.trace_id}
    assert run.parent_id == asking.span_id
    assert (run.attributes["gatekeeper.run"], run.attributes["gatekeeper.update"]) == (run_id, update)
    assert run.attributes["gatekeeper.ended"] == "done"
    assert [each.attributes["gatekeeper.gate"] for each in gates] == [
        "artifact/first",
        "artifact/middle",
        "artifact/last",
    ]
    assert {each.parent_id for each in gates} == {run.span_id}
    assert {"judge", "gate"} <= collector.below(run)


def test_a_run_that_is_taken_over_stays_in_one_trace_and_names_the_attempt_before(world):
    _update, run_id = world.queued()
    with receiving() as collector:
        killed = world.worker(traces=collector.url, die_at="step-stored:2")
        assert killed.wait(60) == -9
        assert world.worker(traces=collector.url).wait(60) == 0

    with world.workspace.store.reading() as session:
        first, second = queue.traced(session, run_id)
    (run,) = collector.named("run")
    assert first[3:35] == second[3:35] == run.trace_id
    assert (run.span_id, run.parent_id, run.links) == (second[36:52], first[36:52], (first[36:52],))
    assert run.attributes["gatekeeper.attempt"] == 2
    assert "artifact/last" in {each.attributes["gatekeeper.gate"] for each in collector.named("gate")}


def test_a_collector_that_does_not_answer_stops_no_run(world):
    update, run_id = world.queued()

    assert world.worker(traces="http://127.0.0.1:9").wait(90) == 0

    assert world.runtime.status(run_id).state == "DONE"
    assert update
