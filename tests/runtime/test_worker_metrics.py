"""A worker's own figures, from what it says while it works."""

import os
import threading
from pathlib import Path

import durable_world
import pytest
from durable_world import GATES

from gatekeeper.core.spans import watched_by
from gatekeeper.runtime.limits import Limits
from gatekeeper.runtime.measures import BY_NAME, ELSE, MEASURES, Kind, Of, table
from gatekeeper.runtime.metrics import WorkerMetrics, counter, gauge, scraped
from gatekeeper.runtime.worker import Worker


def work(world, metrics):
    limits = Limits(poll_seconds=0.02, beat_seconds=0.02, lease_seconds=5.0)
    worker = Worker(world.workspace, world.opener, limits, device="here")
    with watched_by(metrics):
        thread = threading.Thread(target=lambda: worker.work(world.runtime_database, until_idle=True))
        thread.start()
        thread.join(60)
    assert not thread.is_alive()


def test_a_run_is_counted_from_beginning_to_end(world, monkeypatch):
    fakes = Path(durable_world.__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(fakes), str(fakes.parents[1])]))
    world.queued()
    metrics = WorkerMetrics(gates=GATES, version="0")

    work(world, metrics)

    def value(name, **labels):
        return metrics.registry.get_sample_value(f"gatekeeper_{name}", labels)

    assert value("worker_runs_taken_total", how="new") == 1
    assert value("worker_runs_taken_total", how="taken-over") == 0
    assert value("worker_runs_ended_total", how="done") == 1
    assert value("worker_busy") == 0
    assert value("worker_beats_total") >= 1
    assert value("worker_last_beat_timestamp_seconds") > 1e9
    for gate in GATES:
        assert value("gate_duration_seconds_count", gate=gate, status="measured") == 1


def test_words_of_no_closed_set_are_one_word():
    metrics = WorkerMetrics(gates=GATES, version="0")

    for gate, status in (("made/up", "measured"), (GATES[0], "made up")):
        with watched_by(metrics):
            from gatekeeper.core.spans import span

            with span("gate", gate=gate) as seen:
                seen.tell(status=status)

    assert metrics.registry.get_sample_value(
        "gatekeeper_gate_duration_seconds_count", {"gate": ELSE, "status": "measured"}
    )
    assert metrics.registry.get_sample_value(
        "gatekeeper_gate_duration_seconds_count", {"gate": GATES[0], "status": ELSE}
    )


def test_calls_of_the_registry_are_counted_by_how_they_end():
    from gatekeeper.core.errors import PromotionConflict, RegistryError
    from gatekeeper.core.spans import during

    metrics = WorkerMetrics(gates=GATES, version="0")

    @during("registry", call="move_alias")
    def move(error):
        if error is not None:
            raise error

    with watched_by(metrics):
        for error in (None, RegistryError("away"), PromotionConflict("moved")):
            try:
                move(error)
            except (RegistryError, PromotionConflict):
                continue

    ended = {
        how: metrics.registry.get_sample_value("gatekeeper_registry_calls_total", {"call": "move_alias", "ended": how})
        for how in ("ok", "error", "conflict")
    }
    assert ended == {"ok": 1, "error": 1, "conflict": 1}


def test_every_figure_of_a_worker_is_in_the_table():
    metrics = WorkerMetrics(gates=GATES, version="0")

    shown = {family.name for family in metrics.registry.collect() if family.name.startswith("gatekeeper_")}

    assert shown == {
        each.name.removesuffix("_total") if each.kind is Kind.COUNTER else each.name
        for each in MEASURES
        if each.of in {Of.WORKER, Of.BOTH}
    }


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_names_follow_the_conventions(measure):
    assert measure.name.startswith("gatekeeper_")
    assert measure.name.endswith("_total") == (measure.kind is Kind.COUNTER)
    if "duration" in measure.name or "timestamp" in measure.name:
        assert measure.name.endswith("_seconds")
    assert measure.name in table()
    assert len({each.name for each in MEASURES}) == len(MEASURES)


def test_a_figure_is_what_the_table_says_it_is():
    metrics = WorkerMetrics(gates=GATES, version="0")

    with pytest.raises(RuntimeError, match="is a counter"):
        gauge(metrics.registry, BY_NAME["worker_beats_total"])
    with pytest.raises(RuntimeError, match="is a gauge"):
        counter(metrics.registry, BY_NAME["worker_busy"])


def test_a_taken_port_is_the_operators_to_mend():
    from gatekeeper.core.errors import UsageError

    metrics = WorkerMetrics(gates=GATES, version="0")

    with (
        scraped(metrics.registry, 0, "127.0.0.1") as port,
        pytest.raises(UsageError, match="cannot be served"),
        scraped(metrics.registry, port, "127.0.0.1"),
    ):
        pass
