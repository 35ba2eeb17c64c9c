"""What is told of rounds: each change once, failures counted, and an old state file that is none is no answer."""

from datetime import UTC, datetime, timedelta

from prometheus_client import generate_latest

from gatekeeper.cli.reconcile_metrics import Metrics
from gatekeeper.cli.reconcile_report import STATE_FILE, Rounds, changes, keep_rounds, last_rounds, since
from gatekeeper.cli.settings import Settings
from gatekeeper.pipeline.drift import Changes, Drift, OpenDrift
from gatekeeper.pipeline.reconcile import Refusal, Round
from gatekeeper.store.tables import DriftKind

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MOVED = OpenDrift(
    id="drf-1",
    drift=Drift(kind=DriftKind.ALIAS_MOVED, model="tiny", alias="champion", version="2", observed="3"),
    since=NOW,
)


def told(seen, earlier=None):
    return [(line.what, line.alarm) for line in changes(seen, earlier)]


def values(metrics):
    lines = generate_latest(metrics.registry).decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_what_merely_lasts_is_not_told_again():
    refused = {"drf-1": Refusal(reason="PERMISSION_DENIED", again=NOW)}
    first = Round(at=NOW, changes=Changes(found=(MOVED,)), lasting=(MOVED,), refused=refused, errors=("down",))
    second = Round(at=NOW, lasting=(MOVED,), refused=refused, errors=("down",))

    assert told(first) == [("found", True), ("refused", True), ("error", True)]
    assert told(second, first) == []


def test_another_reason_another_error_and_an_answer_are_told():
    first = Round(at=NOW, refused={"drf-1": Refusal(reason="one", again=NOW)}, errors=("down",))
    second = Round(at=NOW, refused={"drf-1": Refusal(reason="two", again=NOW)}, errors=("slow",))
    third = Round(at=NOW)

    assert told(second, first) == [("refused", True), ("error", True)]
    assert told(third, second) == [("asked", False)]


def test_rounds_failures_and_open_drifts_are_counted():
    metrics = Metrics()

    metrics.ended(Round(at=NOW, errors=("down",), lasting=(MOVED,)))
    metrics.ended(Round(at=NOW, lasting=(MOVED,), last_hashed=NOW + timedelta(hours=1)))

    read = values(metrics)
    assert read["gatekeeper_reconcile_rounds_total"] == "2.0"
    assert read["gatekeeper_reconcile_failed_rounds_total"] == "1.0"
    assert read['gatekeeper_open_drifts{kind="alias-moved"}'] == "1.0"
    assert read['gatekeeper_open_drifts{kind="bytes-changed"}'] == "0.0"
    assert float(read["gatekeeper_last_full_hash_timestamp_seconds"]) == (NOW + timedelta(hours=1)).timestamp()


def test_only_a_good_round_starts_the_clock_anew():
    clock = [100.0]
    metrics = Metrics(clock=lambda: clock[0])
    name = "gatekeeper_reconcile_seconds_since_last_good_round"

    clock[0] = 160.0
    metrics.ended(Round(at=NOW, errors=("down",)))
    assert values(metrics)[name] == "60.0"
    metrics.ended(Round(at=NOW))
    assert values(metrics)[name] == "0.0"


def test_when_it_last_looked_is_kept_and_a_file_that_is_none_says_never(tmp_path):
    settings = Settings(root=tmp_path, home=tmp_path)
    assert last_rounds(settings) == Rounds()

    keep_rounds(settings, Rounds(last="b", good="a"))
    assert last_rounds(settings) == Rounds(last="b", good="a")
    assert "the last time it could ask everything was a" in since(last_rounds(settings))

    (tmp_path / STATE_FILE).write_text("{", encoding="utf-8")
    assert "never ran" in since(last_rounds(settings))
