"""Releases that were signed elsewhere: what has to be signed, word for word, and what arrived signed.

Whoever releases over the service signs where their key is. What is given out to be signed is nothing yet: when it
comes back, it is compared with what would be recorded then. Each release has a salt of its own for its reason, which
only the service and its caller know until then.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from audits.passport.release import SignedRelease, read_release
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import StateError
from gatekeeper.pipeline.approve import rfc3339
from gatekeeper.pipeline.quarantine.folder import records, waiting, whole_report
from gatekeeper.pipeline.quarantine.release import (
    Reviewer,
    by_gate,
    release_about,
    require_fit,
    require_reviewer,
    require_waiting,
)
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import releases, texts

_ID: Final = re.compile(r"rel-[0-9a-f]{16}")
_SALT: Final = re.compile(r"[0-9a-f]{64}")
_OLDEST: Final = timedelta(hours=1)
_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToRelease:
    """One release to sign, and the salt of its reason."""

    release: SignedRelease
    salt: str
    """64 hexadecimal digits; ``reason_digest`` is SHA-256 over its bytes and the reason."""
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedElsewhere:
    """One person's releases that arrived signed."""

    public: str
    """The person's public key, as principals.toml names it."""
    signed: tuple[tuple[str, str], ...]
    """Envelope and salt of each."""

    def about(self, expected: SignedRelease, because: str, *, moment: datetime) -> tuple[SignedRelease, str, bytes]:
        """Return what was signed about one row and gate, with its envelope and its salt.

        Args:
            expected: what would be recorded; its id, its time and its reason's digest are the signer's.
            because: the reason.
            moment: the present one.

        Raises:
            VerificationError: something is no envelope, or the person's key did not sign it.
            StateError: nothing was signed about it, or something else.
        """
        for envelope, salt in self.signed:
            release, _key = read_release(envelope, (self.public,))
            if (release.row_digest, release.gate) != (expected.row_digest, expected.gate):
                continue
            if _SALT.fullmatch(salt) is None or _ID.fullmatch(release.release) is None:
                break
            digest = texts.salted_digest(bytes.fromhex(salt), because)
            fresh = _is_fresh(release.given, moment)
            same = release_like(expected, release.release, digest, release.given)
            if fresh and release == same:
                return release, envelope, bytes.fromhex(salt)
            break
        raise StateError(
            "What was signed is not what would be recorded: row, gate, tests, file, reason or time differ.",
            hint="Look at the row again, and sign what stands there now.",
        )


def release_like(expected: SignedRelease, id_: str, reason: Digest, given: str) -> SignedRelease:
    """Return a release of the same row from the same gate, under another id, reason and time."""
    return SignedRelease(
        release=id_,
        row_digest=expected.row_digest,
        gate=expected.gate,
        method=expected.method,
        tests=expected.tests,
        file_digest=expected.file_digest,
        reason_digest=reason,
        given=given,
    )


def to_release(
    workspace: Workspace, folder: Path, rows: Collection[int], reviewer: Reviewer, *, now: datetime | None = None
) -> tuple[ToRelease, ...]:
    """Return what releasing rows says, one document for each row and gate.

    Raises:
        UsageError: a row does not wait, or there is no reason.
        StateError: the person may not, the scan is not complete, or it was made under another policy.
        InputError: the folder holds no finished scan, or was changed.
    """
    moment = rfc3339(now or datetime.now(UTC))
    report = whole_report(folder)
    require_fit(report, reviewer.policy, workspace)
    require_reviewer(workspace, reviewer)
    held = waiting(folder)
    require_waiting(held, rows, folder)
    texts_of: Mapping[int, str] = records(folder, rows)
    found = []
    for row in sorted(rows):
        for flags in by_gate(held[row]).values():
            salt = secrets.token_hex(32)
            reason = texts.salted_digest(bytes.fromhex(salt), reviewer.because)
            about = release_about(workspace, flags, texts_of[row], reviewer, report=report)
            made = release_like(about, releases.new_release_id(), reason, moment)
            found.append(ToRelease(release=made, salt=salt, row=row))
    return tuple(found)


def _is_fresh(given: str, moment: datetime) -> bool:
    try:
        at = datetime.strptime(given, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return moment - _OLDEST <= at <= moment + _SKEW
