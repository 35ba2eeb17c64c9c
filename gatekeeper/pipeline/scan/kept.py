"""Reports of gates that have finished, kept so that an interrupted scan goes on where it stopped.

A kept report counts only under the very key it was made under, with its attachments byte for byte as they were; where
anything differs the gate runs again. A gate that failed is never kept.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekeeper.core.digests import Digest, Plain, digest_of, plain, sha256_file
from gatekeeper.core.errors import InputError
from gatekeeper.core.findings import GateReport, Status, report_from_plain
from gatekeeper.core.gate import Gate, GateContext

REPORT = ".kept.json"
"""Beside the attachments, under a name that no gate gives one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanKey:
    """What the reports of a scan depend on, beside the gates themselves."""

    file: Digest
    """Of the file's bytes."""
    policy: Digest
    """Of the whole policy, whichever of its gates run."""
    history: Digest | None
    """Of the rows compared with."""
    libraries: Plain
    """Versions of the libraries that measure."""

    @property
    def name(self) -> str:
        """Name of the folder of this key."""
        return digest_of(self).removeprefix("sha256:")[:16]


def keeping(gate: Gate[Any], key: ScanKey, unchanged: Callable[[], None]) -> Gate[Any]:
    """Return the gate, which first looks for its own report of an earlier scan.

    Args:
        gate: the gate itself.
        key: what its report depends on.
        unchanged: raises when the file is no longer the one the key names; asked before a report is kept.
    """

    def measure(context: GateContext, params: object) -> GateReport:
        whole = _key(gate, key, params)
        if (found := _kept(context.workdir, whole)) is not None:
            return found
        shutil.rmtree(context.workdir)
        context.workdir.mkdir()
        report = gate.measure(context, params)
        unchanged()
        if whole is not None and report.status is not Status.ERRORED:
            _keep(context.workdir, whole, report)
        return report

    return dataclasses.replace(gate, measure=measure)


def _key(gate: Gate[Any], key: ScanKey, params: object) -> Plain:
    """Return everything one report depends on; ``None`` where that is more than can be told."""
    files: dict[str, Plain] = {}
    for named in _texts(plain(params)):
        path = Path(named)
        try:
            if path.is_dir():
                return None
            if path.is_file():
                files[named] = sha256_file(path)
        except OSError:
            return None
    return {"scan": plain(key), "gate": gate.id, "version": gate.version, "params": plain(params), "files": files}


def _texts(value: Plain) -> list[str]:
    match value:
        case str():
            return [value] if value else []
        case list():
            return [text for item in value for text in _texts(item)]
        case dict():
            return [text for item in value.values() for text in _texts(item)]
    return []


def _keep(folder: Path, key: Plain, report: GateReport) -> None:
    draft = folder / f"{REPORT}.new"
    draft.write_text(json.dumps({"key": key, "report": report.to_plain()}), encoding="utf-8")
    draft.replace(folder / REPORT)


def _kept(folder: Path, key: Plain) -> GateReport | None:
    """Return the report in a gate's folder when it was made under this key and is whole, else ``None``."""
    if key is None:
        return None
    try:
        read = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        if not isinstance(read, Mapping) or read.get("key") != key:
            return None
        report = report_from_plain(read.get("report"))
        sound = all(sha256_file(folder / one.name) == one.sha256 for one in report.attachments)
    except (OSError, ValueError, RecursionError, InputError):
        return None
    return report if sound else None
