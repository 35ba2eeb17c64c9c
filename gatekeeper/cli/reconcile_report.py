"""How rounds of the reconciler are told: as lines, as JSON, and in a small file that ``gatekeeper status`` reads."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from gatekeeper.cli.settings import Settings
from gatekeeper.core.digests import plain
from gatekeeper.pipeline.drift import OpenDrift
from gatekeeper.pipeline.reconcile import Round

STATE_FILE: Final = "reconciler.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """When the reconciler last looked, as far as this machine knows; RFC 3339 in UTC, ``None`` for never."""

    last: str | None = None
    good: str | None = None
    """Without any error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One change, as a line."""

    what: str
    """One of found, lasts, cleared, restored, refused, settled, lapsed, published, error, asked."""
    text: str
    drift: str | None = None
    """The drift's id."""
    alarm: bool = False
    """Whether somebody has to look."""


_ROUNDS: TypeAdapter[Rounds] = TypeAdapter(Rounds)


def drift_line(lasting: OpenDrift) -> dict[str, object]:
    """Return a drift as JSON tells it."""
    drift = lasting.drift
    return {
        "id": lasting.id,
        "kind": drift.kind.value,
        "model": drift.model,
        "alias": drift.alias,
        "version": drift.version,
        "observed": drift.observed,
        "found": lasting.since.isoformat(timespec="seconds"),
        "text": str(drift),
    }


def summary(seen: Round) -> dict[str, object]:
    """Return a whole round as JSON."""
    return {
        "drifts": [drift_line(each) for each in seen.lasting],
        "found": [drift_line(each) for each in seen.changes.found],
        "cleared": [each.id for each in seen.changes.cleared],
        "restored": [each.id for each in seen.restored],
        "refused": {drift: refusal.reason for drift, refusal in seen.refused.items()},
        "settled": list(seen.settled),
        "lapsed": list(seen.lapsed),
        "published": list(seen.published),
        "errors": list(seen.errors),
        "last_hashed": None if seen.last_hashed is None else seen.last_hashed.isoformat(timespec="seconds"),
    }


def changes(seen: Round, earlier: Round | None) -> Iterator[Line]:
    """Yield one line for each change since the round before, and nothing for what merely lasts."""
    for each in seen.changes.found:
        yield Line(what="found", text=str(each.drift), drift=each.id, alarm=True)
    for each in seen.changes.cleared:
        yield Line(what="cleared", text=f"No longer so: {each.drift}", drift=each.id)
    for update in seen.lapsed:
        text = f"{update} was live over its verdict without a review in time: it is revoked."
        yield Line(what="lapsed", text=text, alarm=True)
    for each in seen.restored:
        yield Line(
            what="restored",
            text=f"{each.drift.model}@{each.drift.alias} is version {each.drift.version} again.",
            drift=each.id,
        )
    for drift, refusal in seen.refused.items():
        before = None if earlier is None else earlier.refused.get(drift)
        if before is None or before.reason != refusal.reason:
            yield Line(what="refused", text=refusal.reason, drift=drift, alarm=True)
    for update in seen.settled:
        yield Line(what="settled", text=f"The interrupted promotion of {update} was settled.")
    for model in seen.published:
        yield Line(what="published", text=f"{model} has a new revocation list.")
    before_errors = () if earlier is None else earlier.errors
    for error in seen.errors:
        if error not in before_errors:
            yield Line(what="error", text=error, alarm=True)
    if before_errors and not seen.errors:
        yield Line(what="asked", text="Everything could be asked again.")


def last_rounds(settings: Settings) -> Rounds:
    """Return when the reconciler of this project last looked from this machine."""
    try:
        return _ROUNDS.validate_json(_file(settings).read_bytes())
    except (OSError, ValidationError):
        return Rounds()


def keep_rounds(settings: Settings, rounds: Rounds) -> None:
    """Write down when it last looked, for ``gatekeeper status``."""
    file = _file(settings)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(plain(rounds)) + "\n", encoding="utf-8")
    draft.replace(file)


def since(rounds: Rounds) -> str:
    """Return when the reconciler last looked, as a sentence."""
    if rounds.last is None:
        return "The reconciler never ran here: gatekeeper reconcile."
    if rounds.good is None:
        return f"The reconciler last looked at {rounds.last}; it never could ask everything."
    return f"The reconciler last looked at {rounds.last}" + (
        "." if rounds.good == rounds.last else f"; the last time it could ask everything was {rounds.good}."
    )


def _file(settings: Settings) -> Path:
    return settings.home_dir / STATE_FILE
