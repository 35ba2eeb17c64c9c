"""What a scan leaves in its folder, and how it comes there all at once.

Everything is written under ``.scan/new`` first. Then ``report.json`` of a former scan is removed, every file takes
its place, and the new ``report.json`` comes last: a folder with a report holds exactly the files the report names.
"""

import json
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from gatekeeper.core.digests import Plain, plain, sha256_file
from gatekeeper.core.errors import InputError

FORMAT = "gatekeeper-scan/1"
"""Name and version of the report's shape; a change that readers can notice raises the number."""

ACCEPTED, QUARANTINED, HELD, PII, REPORT = (
    "accepted.jsonl",
    "quarantined.jsonl",
    "held.jsonl",
    "pii.jsonl",
    "report.json",
)
EVIDENCE = "evidence"
"""Folder with one folder per gate."""
STATE = ".scan"
"""Folder of what an interrupted scan goes on from."""
NAMES = (ACCEPTED, QUARANTINED, HELD, PII, REPORT)
"""Every file that a scan or a release writes."""


def report_schema() -> dict[str, Plain]:
    """Return the JSON Schema (draft 2020-12) of ``report.json``."""
    text = files("gatekeeper.pipeline.scan").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Plain] = json.loads(text)
    return schema


def facts_of(path: Path) -> dict[str, Plain]:
    """Return a written file as the report names it."""
    return {"sha256": sha256_file(path), "size": path.stat().st_size}


def write_report(report: Mapping[str, object], into: Path) -> None:
    """Write the report; the same report gives the same bytes."""
    text = json.dumps(plain(report), ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    (into / REPORT).write_text(text + "\n", encoding="utf-8")


def read_report(folder: Path) -> dict[str, Plain]:
    """Return the report of a folder that a scan has written.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    try:
        read = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no finished scan.", hint="Scan first: gatekeeper scan data FILE --out DIR."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{folder / REPORT} cannot be read.", hint="Scan the file again.") from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise InputError(f"{folder / REPORT} is no report of this version.", hint="Scan the file again.")
    return read


def publish(new: Path, out: Path) -> None:
    """Put a finished scan into its place; an interrupt waits until it is done."""
    with uninterrupted():
        for name in (REPORT, *NAMES):
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / EVIDENCE, ignore_errors=True)
        (new / EVIDENCE).replace(out / EVIDENCE)
        for name in NAMES:
            if name != REPORT and (new / name).exists():
                (new / name).replace(out / name)
        (new / REPORT).replace(out / REPORT)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold interrupts of this thread back for a few moves of files."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
