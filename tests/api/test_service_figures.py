"""What Prometheus reads: right, bounded, and without the name of anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from quick_world import MODEL, quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import World

from api.metering import ServiceMetrics
from gatekeeper.core.spans import watched_by
from gatekeeper.runtime.exposition import Installation
from gatekeeper.runtime.measures import MEASURES, MOST_MODELS, OTHERS, Kind, Of
from gatekeeper.runtime.readings import FRESH_SECONDS, SHARE, Readings
from gatekeeper.runtime.stored import StoredRuntime
from gatekeeper.store import models

HOSTILE = 'evil"} 1\n# HELP fake\nfake{a="\\'


def read(text):
    """Return every sample as {(name, labels): value}."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def shown(world):
    world.app.state.metrics._until = -1.0
    world.app.state.metrics.readings._again = 0.0
    return read(world.client.get("/metrics").text)


def by_model(world):
    world.app.state.metrics.readings._again = 0.0
    return read(generate_latest(world.app.state.metrics.by_model).decode())


def of(samples, name, **labels):
    return samples.get((f"gatekeeper_{name}", tuple(sorted(labels.items()))))


def test_an_update_that_goes_live_is_in_the_figures(world):
    with watched_by(world.app.state.metrics):
        world.live()
        waiting = world.judged()

    seen = shown(world)
    assert of(seen, "updates", state="ACTIVE") == 1
    assert of(seen, "updates", state="PENDING_APPROVAL") == 1
    assert of(seen, "updates", state="BLOCKED") == 0
    assert of(seen, "verdicts_total", outcome="ADMIT", errored="false") == 2
    assert of(seen, "gate_reports_total", gate="artifact/count", status="measured") == 2
    assert of(seen, "gate_duration_seconds_count", gate="artifact/count", status="measured") == 2
    assert of(seen, "promotions_total", ended="observed") == 2  # champion and anchor
    assert of(seen, "ledger_entries_total", type="update.submitted") == 2
    assert of(seen, "ledger_size") == sum(
        value for (name, _), value in seen.items() if name == "gatekeeper_ledger_entries_total"
    )
    with world.workspace.store.reading() as session:
        from gatekeeper.store import updates

        since = updates.require(session, waiting).updated.timestamp()
    assert of(seen, "oldest_waiting_update_timestamp_seconds") == pytest.approx(since)
    assert of(seen, "database_up") == 1


def test_what_is_counted_on_is_what_a_fresh_process_counts(world):
    world.live()
    shown(world)
    world.updated()

    on, afresh = (
        shown(world),
        read(
            generate_latest(
                _registry(Installation(Readings(world.workspace.store), gates=GATES, by_model=False))
            ).decode()
        ),
    )

    own = {
        f"gatekeeper_{each}"
        for each in ("verdicts_total", "gate_reports_total", "ledger_entries_total", "promotions_total", "updates")
    }
    assert {key: value for key, value in on.items() if key[0] in own} == {
        key: value for key, value in afresh.items() if key[0] in own
    }


GATES = frozenset({"artifact/count"})


def _registry(*collectors):
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    return registry


def test_requests_are_counted_by_route_and_never_by_path(world):
    update = world.proposed(first=True)
    world.dana.get(f"/v1/updates/{update}")
    world.client.get("/v1/updates/guess")
    world.client.get("/no/such/thing")
    world.client.request("BREW", "/v1/updates")
    world.client.get("/updates/x", headers={"Accept": "text/html"})

    seen = shown(world)

    assert of(seen, "http_requests_total", method="GET", route="/v1/updates/{update_id}", status="200") == 1
    assert of(seen, "http_requests_total", method="GET", route="/v1/updates/{update_id}", status="401") == 1
    assert of(seen, "http_requests_total", method="GET", route="none", status="404") == 1
    assert of(seen, "http_requests_total", method="other", route="/v1/updates", status="405") == 1
    assert of(seen, "http_requests_total", method="GET", route="/updates/{update_id}", status="303") == 1
    assert of(seen, "http_problems_total", type="no-token") == 1
    assert of(seen, "http_request_duration_seconds_count", method="GET", route="/v1/updates/{update_id}") == 2
    assert of(seen, "http_requests_in_flight") == 1  # this one
    assert update not in str(seen)


def test_the_rate_limit_shows(tmp_path):
    policy = quick_policy()
    workspace = quick_workspace(tmp_path, FakeRegistry(root=tmp_path / "registry"), policies=(policy,))
    world = World(workspace, tmp_path, policy, reads_per_minute=1)
    world.dana.get("/v1/me")
    world.dana.get("/v1/me")

    assert of(shown(world), "http_problems_total", type="too-many") == 1
    workspace.store.close()


def test_everybody_may_read_and_nothing_in_it_has_a_name(world):
    update = world.live()
    StoredRuntime(world.workspace.store).enqueue(world.proposed(), world.policy)

    text = world.client.get("/metrics").text

    for word in (MODEL, update, "zelda", "dana", "an update", str(world.root), "champion"):
        assert word not in text.replace('type="champion.', "")


def test_models_are_named_on_the_operators_port_and_escaped(world):
    world.live()
    with world.workspace.store.transaction() as session:
        from sqlalchemy import text

        models.ensure_model(session, HOSTILE)
        session.execute(text("UPDATE updates SET model = :name"), {"name": HOSTILE})

    seen = by_model(world)

    assert of(seen, "updates", model=HOSTILE, state="ACTIVE") == 1
    assert not [name for name, _ in seen if "fake" in name]


def test_the_number_of_models_in_labels_is_bounded(world):
    first = world.proposed(first=True)
    with world.workspace.store.transaction() as session:
        from sqlalchemy import text

        columns = [row[1] for row in session.execute(text("PRAGMA table_info(updates)"))]
        rest = ", ".join(each for each in columns if each not in {"id", "model"})
        copied = f"INSERT INTO updates (id, model, {rest}) SELECT :id, :model, {rest} FROM updates WHERE id = :of"  # noqa: S608
        for number in range(MOST_MODELS + 5):
            models.ensure_model(session, f"m{number:04d}")
            session.execute(
                text(copied),
                {"id": f"upd-{number:016x}", "model": f"m{number:04d}", "of": first},
            )

    seen = by_model(world)

    named = {dict(labels)["model"] for name, labels in seen if name == "gatekeeper_updates"}
    assert len(named) == MOST_MODELS + 1
    assert of(seen, "updates", model=OTHERS, state="SUBMITTED") == 6  # 5 beyond, and the world's own
    assert of(shown(world), "updates", state="SUBMITTED") == MOST_MODELS + 6


def test_a_queue_shows_its_depth_and_age(world):
    world.live()
    StoredRuntime(world.workspace.store).enqueue(world.proposed(), world.policy)

    seen, named = shown(world), by_model(world)

    assert (of(seen, "queue_runs", state="QUEUED"), of(seen, "queue_runs", state="RUNNING")) == (1, 0)
    assert of(named, "queue_runs", model=MODEL, state="QUEUED") == 1
    assert of(named, "queue_oldest_timestamp_seconds", model=MODEL) > 1e9


def test_a_database_that_does_not_answer_leaves_the_process_own_figures(world):
    world.client.get("/healthz")
    world.workspace.store.engine.dispose()
    with world.workspace.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE ledger_head")

    seen = shown(world)

    assert of(seen, "database_up") == 0
    assert of(seen, "http_requests_total", method="GET", route="/healthz", status="200") == 1
    assert of(seen, "updates", state="ACTIVE") is None


def test_readings_are_kept_for_a_while_and_longer_where_they_cost_more(world):
    moments = iter([0.0, 0.0, 0.0, FRESH_SECONDS - 0.1, FRESH_SECONDS + 0.1, 6.0, 8.0, 8.0, 8.0 + 2.0 / SHARE - 1])
    readings = Readings(world.workspace.store, clock=lambda: next(moments))

    quick = readings.read()
    assert readings.read() is quick
    slow = readings.read()
    assert slow is not quick
    assert slow.seconds == 2.0
    assert readings.read() is slow


def test_one_text_answers_whoever_asks_at_once(world):
    metrics = ServiceMetrics(world.workspace, clock=lambda: 0.0)

    assert metrics.text() is metrics.text()


def test_a_slow_database_keeps_one_caller_waiting_and_no_other(world):
    metrics = world.app.state.metrics
    last = metrics.text()
    metrics._until = -1.0

    with metrics._lock:  # somebody reads the database, and that takes its time
        assert metrics.text() is last


def test_where_figures_have_their_own_port_they_are_not_here(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, open_metrics=False)

    assert world.client.get("/metrics").status_code == 404


def test_every_figure_of_the_service_is_in_the_table_and_the_other_way_round(world):
    world.live()
    world.client.get("/nothing")
    world.judged()
    world.ada.post("/v1/nothing")

    families = {
        family.name for family in world.app.state.metrics.by_model.collect() if family.name.startswith("gatekeeper_")
    }

    told = {
        each.name.removesuffix("_total") if each.kind is Kind.COUNTER else each.name
        for each in MEASURES
        if each.of is not Of.WORKER
    }
    sometimes = {"gatekeeper_oldest_waiting_request_timestamp_seconds", "gatekeeper_queue_oldest_timestamp_seconds"}
    assert families <= told
    assert told - families <= sometimes


_ONE_OF_SEVERAL = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from prometheus_client import generate_latest
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import World

root = Path(sys.argv[2])
root.mkdir()
policy = quick_policy()
world = World(quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,)), root, policy)
for _ in range(3):
    world.client.get("/healthz")
sys.stdout.write(world.client.get("/metrics").text)
"""


def test_processes_behind_one_port_put_their_figures_together(tmp_path):
    shared = tmp_path / "figures"
    shared.mkdir()
    home = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared), "PYTHONPATH": str(home)}

    shown = [
        subprocess.run(
            [sys.executable, "-c", _ONE_OF_SEVERAL, str(home / "tests" / "fakes"), str(tmp_path / name)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in ("one", "two")
    ]

    counted = [of(read(text), "http_requests_total", method="GET", route="/healthz", status="200") for text in shown]
    assert counted == [3, 6]
    assert of(read(shown[1]), "database_up") == 1
