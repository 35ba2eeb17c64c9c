"""What a worker and the process that computes its gates say to each other: JSON, one object a line.

Nothing here is pickled: a process that has read a hostile model must not be able to run code in another one.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import InputError
from gatekeeper.core.findings import report_from_plain
from gatekeeper.pipeline.bench import Bench
from gatekeeper.pipeline.collect import GateRun

_NAME = re.compile("[0-9a-f]{64}")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_BENCH: TypeAdapter[Bench] = TypeAdapter(Bench)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One gate to measure."""

    bench: Bench
    gate: str
    folder: str
    """Where the run's evidence goes for now."""
    shards: str = ""
    """Where the parts of this gate lie; empty where none are kept."""
    kept: tuple[tuple[str, str], ...] = ()
    """Names and digests of those that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptShard:
    """A part of the gate that computes, which was written to its file."""

    name: str
    """64 hexadecimal digits."""
    digest: Digest
    """Of the file."""
    says: str
    """For those who watch."""


def write_asked(asked: Asked) -> bytes:
    """Return the line that asks for a gate; law: ``read_asked(write_asked(a)) == a``."""
    bench = _BENCH.dump_python(asked.bench, mode="json")
    return _line(
        {
            "bench": bench,
            "gate": asked.gate,
            "folder": asked.folder,
            "shards": asked.shards,
            "kept": asked.kept,
        }
    )


def read_asked(line: bytes) -> Asked:
    """Return what a line asks for.

    Raises:
        InputError: it asks for nothing.
    """
    try:
        read = json.loads(line)
        bench = _BENCH.validate_json(json.dumps(read["bench"]))
        return Asked(
            bench=bench,
            gate=str(read["gate"]),
            folder=str(read["folder"]),
            shards=str(read["shards"]),
            kept=tuple((str(name), str(digest)) for name, digest in read["kept"]),
        )
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


def write_shard(shard: KeptShard) -> bytes:
    """Return the line that says that a part was kept; law: ``read_said(write_shard(s)) == s``."""
    return _line({"shard": {"name": shard.name, "digest": shard.digest, "says": shard.says}})


def read_said(line: bytes) -> GateRun | KeptShard:
    """Return what the process that computes says: that a part is kept, or what the gate measured.

    Raises:
        InputError: the line holds neither.
    """
    try:
        read = json.loads(line)
        if "shard" not in read:
            return read_measured(line)
        name, digest, says = (read["shard"][field] for field in ("name", "digest", "says"))
        if not (_NAME.fullmatch(name) and _DIGEST.fullmatch(digest) and isinstance(says, str) and len(says) <= 100):
            raise ValueError(name)
        return KeptShard(name=name, digest=Digest(digest), says=says)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("A gate's process answered with something else than a report.") from error


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n"
