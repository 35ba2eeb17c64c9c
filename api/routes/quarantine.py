"""Rows that scans held back: who may see them sees them, and approvers release them under their own key.

A scan lies in a folder below the service's own folder of scans, where `gatekeeper scan data` wrote it.
"""

import re
from pathlib import Path
from typing import Annotated, Final

from fastapi import Query
from starlette.responses import Response

from api.calls import Call, Here, answer
from api.finding import nothing_wrong_with_the_payload, require_domain
from api.guard import guarded_router
from api.payloads import ReleaseIn, RowsIn
from api.permissions import sees_rows
from api.problems import Problem
from api.shapes.quarantine import (
    FlagOut,
    ReleasedOut,
    ReleasesOut,
    ReleaseToSignOut,
    ScanOut,
    ScansOut,
    ToReleaseOut,
    WaitingRowOut,
    WaitingRowsOut,
)
from audits.passport.release import PAYLOAD_TYPE
from gatekeeper.core.digests import Plain, plain
from gatekeeper.core.errors import InputError
from gatekeeper.pipeline.quarantine.elsewhere import ReleasedElsewhere, to_release
from gatekeeper.pipeline.quarantine.folder import records, waiting, whole_report
from gatekeeper.pipeline.quarantine.release import Reviewer, release_rows
from gatekeeper.pipeline.scan.outputs import REPORT
from gatekeeper.pipeline.scan.sorting import Held

router = guarded_router()

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_MOST_SCANS: Final = 200


@router.get("/v1/quarantine", response_model=ScansOut, summary="Scans", tags=["quarantine"])
def list_scans(call: Here) -> Response:
    """Return the scans whose rows can be released here, by name; what cannot be read is left out."""
    root = call.service.settings.scans
    found: list[ScanOut] = []
    for folder in sorted(root.iterdir()) if root is not None else ():
        if len(found) < _MOST_SCANS and _NAME.fullmatch(folder.name) and (folder / REPORT).is_file():
            try:
                found.append(_scan(folder))
            except InputError:
                continue
    return answer(ScansOut(items=found))


@router.get("/v1/quarantine/{scan}", response_model=WaitingRowsOut, summary="Rows that wait", tags=["quarantine"])
def list_rows(
    scan: str,
    call: Here,
    cursor: Annotated[str | None, Query(max_length=20, pattern=r"^[0-9]{1,9}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Response:
    """Return which rows wait and why, in the file's order; their text for who may see flagged rows."""
    folder = _folder(call, scan)
    with nothing_wrong_with_the_payload():
        whole_report(folder)
        held = waiting(folder)
        rows, first, shown = sorted(held), int(cursor or 0), sees_rows(call.caller.words)
        page = rows[first : first + limit]
        said = records(folder, page) if shown else {}
    items = [
        WaitingRowOut(
            number=number,
            row=row if shown else None,
            flags=[_flag(flag, shown=shown) for flag in held[row]],
            record=said.get(row),
        )
        for number, row in enumerate(page, start=first + 1)
    ]
    end = first + limit
    return answer(WaitingRowsOut(scan=scan, items=items, next=str(end) if end < len(rows) else None))


@router.post("/v1/quarantine/{scan}/to-sign", response_model=ToReleaseOut, summary="What to sign", tags=["quarantine"])
def what_to_sign(scan: str, wanted: RowsIn, call: Here) -> Response:
    """Return what releasing rows would have to say, word for word. Nothing is written."""
    folder, reviewer = _folder(call, scan), _reviewer(call, wanted)
    with nothing_wrong_with_the_payload():
        asked = to_release(call.service.workspace, folder, wanted.rows, reviewer)
    releases = [
        ReleaseToSignOut(row=each.row, document=_document(plain(each.release)), salt=each.salt) for each in asked
    ]
    return answer(ToReleaseOut(payload_type=PAYLOAD_TYPE, releases=releases))


@router.post("/v1/quarantine/{scan}/release", response_model=ReleasesOut, summary="Release", tags=["quarantine"])
def release(scan: str, sent: ReleaseIn, call: Here) -> Response:
    """Release rows from every gate that flagged them: into the ledger, and among the accepted rows."""

    def act() -> Response:
        folder, reviewer = _folder(call, scan), _reviewer(call, sent)
        principal = call.caller.principal
        if principal.key is None:
            raise Problem(
                "not-allowed",
                f"{principal.name} has no key to sign with.",
                hint="They create one with `gatekeeper key create` and put it into principals.toml.",
            )
        key = ReleasedElsewhere(public=principal.key, signed=tuple((each.envelope, each.salt) for each in sent.signed))
        with call.service.turn(f"scan {scan}"), nothing_wrong_with_the_payload():
            released = release_rows(call.service.workspace, folder, sent.rows, reviewer, key=key)
        return answer(
            ReleasesOut(
                items=[
                    ReleasedOut(row=each.row, gate=each.gate, tests=list(each.tests), release=each.release)
                    for each in released
                ]
            )
        )

    return call.once(act)


def _reviewer(call: Call, wanted: RowsIn) -> Reviewer:
    policy = call.service.policy()
    require_domain(call, policy)
    return Reviewer(person=call.caller.principal.name, policy=policy, because=wanted.because)


def _folder(call: Call, scan: str) -> Path:
    """Return the folder of a scan.

    Raises:
        Problem: there is none of that name.
    """
    root = call.service.settings.scans
    folder = None if root is None or _NAME.fullmatch(scan) is None else root.resolve() / scan
    if folder is None or folder.resolve() != folder or not (folder / REPORT).is_file():
        raise Problem("not-found", "There is no such scan.", hint="GET /v1/quarantine lists them.")
    return folder


def _scan(folder: Path) -> ScanOut:
    report = whole_report(folder)
    rows = report.get("rows")
    counts = rows if isinstance(rows, dict) else {}
    return ScanOut(
        scan=folder.name,
        file_digest=_digest(report.get("file"), "sha256"),
        policy_digest=_digest(report.get("policy"), "digest"),
        accepted=_count(counts.get("accepted")),
        quarantined=_count(counts.get("quarantined")),
    )


def _count(value: Plain) -> int:
    return value if isinstance(value, int) else 0


def _digest(value: Plain, name: str) -> str | None:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def _flag(flag: Held, *, shown: bool) -> FlagOut:
    return FlagOut(
        gate=flag.gate,
        test=flag.test,
        id=flag.id if shown else None,
        reason=flag.reason if shown else None,
        release=flag.release,
    )


def _document(value: Plain) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RuntimeError("a release is an object")
    return dict(value.items())
