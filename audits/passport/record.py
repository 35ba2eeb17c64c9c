"""The entries of the ledger that a passport carries: what they must say, and that the tree holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter

from audits.ledger.checkpoint import Checkpoint, parse_checkpoint
from audits.ledger.events import EVENTS, Event
from audits.ledger.leaf import VERSION, label
from audits.ledger.merkle import leaf_hash, verify_inclusion
from audits.ledger.note import parse_note
from audits.passport.bundle import Leaf
from audits.passport.statement import Facts
from audits.passport.strict import decode, read_strict
from gatekeeper.core.errors import VerificationError

LET_THROUGH: Final = frozenset({"ADMIT", "REVIEW"})
"""Outcomes that people may agree to; only an exceptional move follows another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a leaf says."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    v: int
    seq: int
    ts: str
    type: str
    actor: str
    subject: str
    data: dict[str, Any]


_SHAPE: TypeAdapter[Entry] = TypeAdapter(Entry)


def read_entries(leaves: Sequence[Leaf]) -> Mapping[int, Entry]:
    """Return what the leaves say, by their numbers.

    Raises:
        VerificationError: one is no leaf, has another number than it is filed under, or other keys than its type.
    """
    found = {}
    for leaf in leaves:
        entry = read_strict(decode(leaf.leaf), _SHAPE, what="a leaf of the ledger")
        if entry.v != VERSION or entry.seq != leaf.seq or entry.type not in set(Event):
            raise VerificationError(f"Leaf {leaf.seq} is not the entry that it is said to be.")
        if set(entry.data) != EVENTS[Event(entry.type)]:
            raise VerificationError(f"Leaf {leaf.seq} does not record what entries of its type record.")
        found[entry.seq] = entry
    return found


def only(entries: Mapping[int, Entry], event: Event) -> Entry:
    """Return the one entry of a type.

    Raises:
        VerificationError: there is none, or more than one.
    """
    found = [entry for entry in entries.values() if entry.type == event]
    if len(found) != 1:
        raise VerificationError(f"The passport carries {len(found)} entries of the type {event.value}, not one.")
    return found[0]


def require_included(leaves: Sequence[Leaf], checkpoint: str) -> Checkpoint:
    """Return the checkpoint, whose signatures are checked elsewhere, when its tree holds every leaf.

    Raises:
        VerificationError: it does not.
    """
    tree = parse_checkpoint(parse_note(checkpoint).text)
    for leaf in leaves:
        hashed = leaf_hash(decode(leaf.leaf))
        proof = [decode(part) for part in leaf.proof]
        if not verify_inclusion(leaf=hashed, index=leaf.seq, size=tree.size, proof=proof, root=tree.root):
            raise VerificationError(f"The checkpoint's tree does not hold leaf {leaf.seq} as it is here.")
    return tree


def require_said(entries: Mapping[int, Entry], facts: Facts, *, update_digest: str, policy_digest: str) -> None:
    """Return when submission, verdict and intent say exactly what the passport says, in that order.

    Raises:
        VerificationError: they do not.
    """
    binding = facts.binding
    digests = {
        "update_digest": update_digest,
        "policy_digest": policy_digest,
        "evidence_digest": facts.evidence_digest,
    }
    submitted = only(entries, Event.UPDATE_SUBMITTED)
    verdict = only(entries, Event.VERDICT_DECIDED)
    intent = only(entries, Event.PROMOTION_INTENDED)
    _require(submitted, facts.update, {"update_digest": update_digest, "model": label(binding.model)}, "submission")
    _require(verdict, facts.update, {"run": facts.run, **digests}, "verdict")
    _require(
        intent,
        facts.update,
        {
            "kind": binding.kind,
            "nonce": binding.nonce,
            "registry": binding.registry,
            "model": label(binding.model),
            "version": binding.version,
            "alias": binding.alias,
            "expected_previous": binding.expected_previous,
            **digests,
        },
        "intent",
    )
    if intent.seq != binding.intent or not submitted.seq < verdict.seq < intent.seq:
        raise VerificationError("Submission, verdict and intent do not follow one another in the ledger.")
    admitted = verdict.data["outcome"] in LET_THROUGH and verdict.data["errored"] is False
    if not admitted and not binding.break_glass:
        raise VerificationError(
            f"The verdict in the ledger is {str(verdict.data['outcome'])[:20]}: nothing was admitted."
        )


def _require(entry: Entry, subject: str, said: Mapping[str, object], what: str) -> None:
    wrong = [key for key, value in said.items() if entry.data[key] != value]
    if entry.subject != subject:
        wrong.insert(0, "subject")
    if wrong:
        raise VerificationError(f"The ledger's {what} says something else than the passport: {wrong[0]}.")
