"""Which bytes a passport covers, compared with the bytes at hand: a difference is named, file by file."""

from dataclasses import dataclass

from audits.passport.bundle import Bundle, manifest_of
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.update import Manifest

BASE_ENTRY = "base"
"""Path of the manifest entry that stands for the base model."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Bytes at hand, freshly hashed."""

    own: Manifest
    """Own files and, on a base, the entry ``base``."""
    base: Manifest | None
    """The base's files; ``None`` for full weights."""


def require_subject(bundle: Bundle, stated: str, held: "Digest | Held | None") -> None:
    """Return when the bundle's manifests are those that were signed, and the bytes at hand are those of the manifests.

    Args:
        bundle: the passport.
        stated: digest that the signed statement names.
        held: the bytes at hand, or their digest; ``None`` when there are none to compare with.

    Raises:
        VerificationError: they are not; the message names the first files that differ.
    """
    own = manifest_of(bundle.manifests.own)
    base = None if bundle.manifests.base is None else manifest_of(bundle.manifests.base)
    if own.digest != stated:
        raise VerificationError("The passport's list of files is not the one that was signed.")
    pinned = [entry for entry in own.entries if entry.path == BASE_ENTRY]
    if (base is None) == bool(pinned) or any(
        (entry.sha256, entry.size) != (base.digest, base.size) for entry in pinned if base is not None
    ):
        raise VerificationError("The passport's list of the base's files is not the one that was signed.")
    if held is None or (not isinstance(held, Held) and held == stated):
        return
    if not isinstance(held, Held):
        raise VerificationError("The bytes are not those that the passport covers.")
    if held.own.digest == stated:
        return
    found = differences(own, held.own)
    if base is not None:
        found += [f"base: {each}" for each in differences(base, held.base)] if held.base else ["base is missing"]
    elif held.base is not None:
        found.append("the passport covers full weights, without a base")
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    raise VerificationError(
        f"The bytes are not those that the passport covers: {', '.join(found[:_MOST_NAMED])}{more}.",
        hint="Fetch them again from the registry; load nothing from here.",
    )


def differences(covered: Manifest, held: Manifest | None) -> list[str]:
    """Return one phrase for every file that is changed, missing or added."""
    before = {entry.path: entry for entry in covered.entries if entry.path != BASE_ENTRY}
    after = {entry.path: entry for entry in held.entries if entry.path != BASE_ENTRY} if held is not None else {}
    found = [f"{path} changed" for path in sorted(before.keys() & after.keys()) if before[path] != after[path]]
    found += [f"{path} is missing" for path in sorted(before.keys() - after.keys())]
    return found + [f"{path} was added" for path in sorted(after.keys() - before.keys())]
