"""Every figure that Prometheus can ask for: one table, from which metrics and documentation are made.

Base units, ``_total`` for what only grows, ``_timestamp_seconds`` for moments (ages are ``time() - x`` in a query).
Labels come from closed sets, but for models: those are shown on a port of their own alone, and the first
:data:`MOST_MODELS` of them by name; the rest share one value.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

MOST_MODELS: Final = 100
OTHERS: Final = "/others"
"""Value of ``model`` for the models beyond; no model's name can hold a slash."""
ELSE: Final = "other"
"""Value of any other label for a word that is not in its closed set."""


class Kind(StrEnum):
    """What a figure does over time."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Of(StrEnum):
    """Whose figure it is, and who shows it."""

    SERVICE = "each service process"
    WORKER = "each worker"
    BOTH = "each service process and worker"
    WHOLE = "the installation, shown by the service"
    """Read from the database: the same from every process, so take one of them and never their sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure."""

    name: str
    """As Prometheus shows it, but for the suffixes of a histogram."""
    kind: Kind
    of: Of
    about: str
    labels: tuple[str, ...] = ()


def _of(of: Of, kind: Kind, name: str, about: str, *labels: str) -> Measure:
    return Measure(name=f"gatekeeper_{name}", kind=kind, of=of, about=about, labels=labels)


MEASURES: Final = (
    _of(Of.SERVICE, Kind.COUNTER, "http_requests_total", "Answers.", "method", "route", "status"),
    _of(
        Of.SERVICE,
        Kind.HISTOGRAM,
        "http_request_duration_seconds",
        "From a request's arrival to the beginning of its answer.",
        "method",
        "route",
    ),
    _of(Of.SERVICE, Kind.GAUGE, "http_requests_in_flight", "Requests that are being answered, streams included."),
    _of(
        Of.SERVICE,
        Kind.COUNTER,
        "http_problems_total",
        "Refusals by the code of their problem; `too-many` is the rate limit's.",
        "type",
    ),
    _of(Of.BOTH, Kind.HISTOGRAM, "gate_duration_seconds", "What one gate took, by how it ended.", "gate", "status"),
    _of(Of.BOTH, Kind.COUNTER, "registry_calls_total", "Calls of the registry, by how they ended.", "call", "ended"),
    _of(Of.BOTH, Kind.HISTOGRAM, "registry_call_duration_seconds", "What they took.", "call"),
    _of(Of.BOTH, Kind.GAUGE, "build_info", "How many processes run this version: 1 each.", "version"),
    _of(Of.WORKER, Kind.COUNTER, "worker_runs_taken_total", "Runs it took: new, or another worker's.", "how"),
    _of(Of.WORKER, Kind.COUNTER, "worker_runs_ended_total", "Runs it let go of, by how.", "how"),
    _of(Of.WORKER, Kind.GAUGE, "worker_busy", "Whether it has a run, 0 or 1."),
    _of(Of.WORKER, Kind.COUNTER, "worker_beats_total", "Beats it wrote."),
    _of(Of.WORKER, Kind.GAUGE, "worker_last_beat_timestamp_seconds", "When it wrote the last one; 0 for never."),
    _of(Of.WHOLE, Kind.GAUGE, "database_up", "Whether the database could be read for these figures, 0 or 1."),
    _of(Of.WHOLE, Kind.GAUGE, "reading_duration_seconds", "What the last reading of the database took."),
    _of(Of.WHOLE, Kind.GAUGE, "updates", "Updates by the state they are in.", "model", "state"),
    _of(
        Of.WHOLE,
        Kind.GAUGE,
        "oldest_waiting_update_timestamp_seconds",
        "Since when the update that waits for people the longest has done so; absent when none waits.",
        "model",
    ),
    _of(Of.WHOLE, Kind.GAUGE, "requests_waiting", "Requests that wait for people, by what is asked.", "action"),
    _of(
        Of.WHOLE,
        Kind.GAUGE,
        "oldest_waiting_request_timestamp_seconds",
        "When the oldest of them was opened; absent when none waits.",
        "action",
    ),
    _of(Of.WHOLE, Kind.GAUGE, "queue_runs", "Evaluations in the queue: QUEUED or RUNNING.", "model", "state"),
    _of(
        Of.WHOLE,
        Kind.GAUGE,
        "queue_oldest_timestamp_seconds",
        "When the oldest evaluation that no worker has was asked for; absent when none waits.",
        "model",
    ),
    _of(Of.WHOLE, Kind.COUNTER, "runs_ended_total", "Queued evaluations that ended, by how.", "state"),
    _of(Of.WHOLE, Kind.COUNTER, "verdicts_total", "Verdicts.", "outcome", "errored"),
    _of(Of.WHOLE, Kind.COUNTER, "gate_reports_total", "Reports of gates.", "gate", "status"),
    _of(Of.WHOLE, Kind.COUNTER, "promotions_total", "Moves of aliases that were made, or given up.", "ended"),
    _of(Of.WHOLE, Kind.GAUGE, "promotions_under_way", "Moves of aliases whose end nobody has written down yet."),
    _of(Of.WHOLE, Kind.GAUGE, "ledger_size", "Entries of the ledger."),
    _of(Of.WHOLE, Kind.COUNTER, "ledger_entries_total", "Entries by type.", "type"),
    _of(Of.WHOLE, Kind.GAUGE, "ledger_witnessed_size", "Entries under the last checkpoint that a witness signed."),
    _of(
        Of.WHOLE,
        Kind.GAUGE,
        "ledger_witnessed_timestamp_seconds",
        "When that checkpoint was signed; 0 for never.",
    ),
)
"""Every figure there is."""

BY_NAME: Final = MappingProxyType({each.name.removeprefix("gatekeeper_"): each for each in MEASURES})


def table() -> str:
    """Return the figures as Markdown, as they stand in ``docs/operations.md``."""
    lines = ["| Metric | Labels | Of | What |", "|---|---|---|---|"]
    for each in MEASURES:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        lines.append(f"| `{each.name}` ({each.kind}) | {labels} | {each.of} | {each.about} |")
    return "\n".join(lines)
