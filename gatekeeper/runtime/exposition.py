"""What the database says of the installation, in the shape that Prometheus asks for.

Two views of the same reading: with models by name, for a port that only the operator reaches, and summed over models,
for everybody. Names of people, updates and files are in neither.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from audits.ledger.events import Event
from gatekeeper.core.errors import StoreError
from gatekeeper.core.findings import Status
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome
from gatekeeper.runtime.measures import BY_NAME, MOST_MODELS, OTHERS, Kind
from gatekeeper.runtime.metrics import among
from gatekeeper.runtime.readings import Reading, Readings
from gatekeeper.store.tables import PromotionKind, QueueState

_ENDED = (QueueState.DONE, QueueState.FAILED, QueueState.CANCELLED)
_EVENTS = frozenset(Event)
_ACTIONS = frozenset({*PromotionKind, "revoke"})
_OUTCOMES = frozenset(each.name for each in Outcome)
_STATUSES = frozenset(Status)

Rows = Mapping[tuple[str, ...], float]


class Installation(Collector):
    """Collects a reading; a database that does not answer leaves every figure of it out but ``database_up``."""

    def __init__(self, readings: Readings, *, gates: frozenset[str], by_model: bool) -> None:
        self._readings, self._gates, self._by_model = readings, gates, by_model

    def describe(self) -> list[Metric]:
        """Return nothing: what there is is only known when the database is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        try:
            reading = self._readings.read()
        except StoreError:
            yield _family("database_up", {(): 0})
            return
        yield _family("database_up", {(): 1})
        yield _family("reading_duration_seconds", {(): reading.seconds})
        yield from self._by_models(reading)
        yield from self._whole(reading)

    def _by_models(self, reading: Reading) -> Iterator[Metric]:
        known = sorted({model for model, _ in (*reading.updates, *reading.queue)})
        shown = frozenset(known[:MOST_MODELS])

        def model(name: str) -> tuple[str, ...]:
            return (name if name in shown else OTHERS,) if self._by_model else ()

        updates: Counter[tuple[str, ...]] = Counter()
        if not self._by_model:
            updates.update({(state.value,): 0 for state in State})
        for (name, state), number in reading.updates.items():
            updates[(*model(name), state.value)] += number
        queued: Counter[tuple[str, ...]] = Counter()
        if not self._by_model:
            queued.update({("QUEUED",): 0, ("RUNNING",): 0})
        for (name, stage), (number, _since) in reading.queue.items():
            queued[(*model(name), stage.value)] += number
        waiting = {name: since for (name, stage), (_, since) in reading.queue.items() if stage is QueueState.QUEUED}
        left = () if self._by_model else ("model",)
        yield _family("updates", updates, without=left)
        yield _family("queue_runs", queued, without=left)
        yield _family("queue_oldest_timestamp_seconds", _earliest(waiting, model), without=left)
        yield _family("oldest_waiting_update_timestamp_seconds", _earliest(reading.waiting_since, model), without=left)

    def _whole(self, reading: Reading) -> Iterator[Metric]:
        yield _family("runs_ended_total", {(each.value,): reading.runs.get(each, 0) for each in _ENDED})
        actions = {(among(_ACTIONS, action),): found for action, found in reading.requests.items()}
        yield _family("requests_waiting", {labels: number for labels, (number, _) in actions.items()})
        yield _family(
            "oldest_waiting_request_timestamp_seconds",
            {labels: since.timestamp() for labels, (_, since) in actions.items()},
        )
        verdicts: Counter[tuple[str, ...]] = Counter({(name, "false"): 0 for name in _OUTCOMES})
        for (outcome, errored), number in reading.verdicts.items():
            verdicts[among(_OUTCOMES, outcome), str(errored).lower()] += number
        yield _family("verdicts_total", verdicts)
        reports: Counter[tuple[str, ...]] = Counter()
        for (gate, status), number in reading.reports.items():
            reports[among(self._gates, gate), among(_STATUSES, status)] += number
        yield _family("gate_reports_total", reports)
        made: Rows = {
            (word,): reading.entries.get(event.value, 0)
            for word, event in (("observed", Event.PROMOTION_OBSERVED), ("failed", Event.PROMOTION_FAILED))
        }
        yield _family("promotions_total", made)
        yield _family("promotions_under_way", {(): reading.promotions_under_way})
        yield _family("ledger_size", {(): reading.ledger_size})
        types: Counter[tuple[str, ...]] = Counter()
        for word, number in reading.entries.items():
            types[(among(_EVENTS, word),)] += number
        yield _family("ledger_entries_total", types)
        yield _family("ledger_witnessed_size", {(): reading.witnessed_size or 0})
        moment = reading.witnessed
        yield _family("ledger_witnessed_timestamp_seconds", {(): 0 if moment is None else moment.timestamp()})


def _earliest(moments: Mapping[str, datetime], model: Callable[[str], tuple[str, ...]]) -> Rows:
    found: dict[tuple[str, ...], float] = {}
    for name, since in moments.items():
        found[model(name)] = min(since.timestamp(), found.get(model(name), float("inf")))
    return found


def _family(name: str, rows: Rows, *, without: tuple[str, ...] = ()) -> Metric:
    measure = BY_NAME[name]
    labels = [label for label in measure.labels if label not in without]
    made = CounterMetricFamily if measure.kind is Kind.COUNTER else GaugeMetricFamily
    family = made(measure.name, measure.about, labels=labels)
    for values, number in sorted(rows.items()):
        family.add_metric(list(values), number)
    return family
