"""What a worker and the process that computes its gates say to each other: JSON, one object a line.

Nothing here is pickled: a process that has read a hostile model must not be able to run code in another one.
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gatekeeper.core.errors import InputError
from gatekeeper.core.findings import report_from_plain
from gatekeeper.pipeline.bench import Bench
from gatekeeper.pipeline.collect import GateRun

_BENCH: TypeAdapter[Bench] = TypeAdapter(Bench)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One gate to measure."""

    bench: Bench
    gate: str
    folder: str
    """Where the run's evidence goes for now."""


def write_asked(asked: Asked) -> bytes:
    """Return the line that asks for a gate; law: ``read_asked(write_asked(a)) == a``."""
    bench = _BENCH.dump_python(asked.bench, mode="json")
    return _line({"bench": bench, "gate": asked.gate, "folder": asked.folder})


def read_asked(line: bytes) -> Asked:
    """Return what a line asks for.

    Raises:
        InputError: it asks for nothing.
    """
    try:
        read = json.loads(line)
        bench = _BENCH.validate_json(json.dumps(read["bench"]))
        return Asked(bench=bench, gate=str(read["gate"]), folder=str(read["folder"]))
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError("A worker asked for a gate in words of another version.", hint="Restart it.") from error


def write_measured(run: GateRun) -> bytes:
    """Return the line that holds what a gate measured; law: ``read_measured(write_measured(r)) == r``."""
    return _line({"report": run.report.to_plain(), "seconds": run.seconds})


def read_measured(line: bytes) -> GateRun:
    """Return what a gate measured.

    Raises:
        InputError: the line holds no report.
    """
    try:
        read = json.loads(line)
        return GateRun(report=report_from_plain(read["report"]), seconds=float(read["seconds"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("A gate's process answered with something else than a report.") from error


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n"
