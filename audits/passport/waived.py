"""What people accepted before a verdict was decided, as a passport shows it.

A passport whose verdict counts waivers names them in three places that have to agree: a result called
:data:`WAIVERS` among those that the installation signed, the ledger's entry that they were counted for this run, and
one entry for each person's acceptance. The signed envelopes stay with the installation; their digests are in the
entries. A waiver has to count when the passport begins, unless it stands on a former move.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from audits.ledger.events import Event
from audits.passport.binding import instant
from audits.passport.record import Entry, only
from audits.passport.statement import Facts, Resource
from gatekeeper.core.errors import VerificationError

WAIVERS: Final = "policy/waivers"
"""Name of the result."""


def require_waived(
    results: Sequence[Resource], entries: Mapping[int, Entry], facts: Facts, *, update_digest: str, policy_digest: str
) -> tuple[str, ...]:
    """Return what is to be said of waivers, when everything about them fits; nothing where there are none.

    Raises:
        VerificationError: it does not.
    """
    named = [each for each in results if each.name == WAIVERS]
    given = [entry for entry in entries.values() if entry.type == Event.WAIVER_GIVEN]
    counts = [entry for entry in entries.values() if entry.type == Event.WAIVERS_COUNTED]
    if not named and not given and not counts:
        return ()
    if len(named) != 1:
        raise VerificationError(f"The passport carries {len(named)} results about waivers, not one.")
    counted = only(entries, Event.WAIVERS_COUNTED)
    digests = {"update_digest": update_digest, "policy_digest": policy_digest}
    said = {"run": facts.run, "waivers_digest": named[0].digest.text(), **digests}
    if counted.subject != facts.update or any(counted.data[key] != value for key, value in said.items()):
        raise VerificationError("The ledger counted waivers for something else.")
    verdict, submitted = only(entries, Event.VERDICT_DECIDED), only(entries, Event.UPDATE_SUBMITTED)
    if not submitted.seq < counted.seq < verdict.seq:
        raise VerificationError("Waivers were not counted between submission and verdict.")
    for entry in given:
        if entry.subject != facts.update or any(entry.data[key] != value for key, value in digests.items()):
            raise VerificationError("A waiver is about another update or policy.")
        if not entry.actor.startswith("person:") or entry.actor == submitted.actor:
            raise VerificationError("A waiver was not given by somebody who may.")
        if not submitted.seq < entry.seq < counted.seq:
            raise VerificationError("A waiver was not given before it was counted.")
        if facts.binding.kind != "rollback" and instant(entry.data["expires"]) <= instant(facts.binding.valid_from):
            raise VerificationError("A waiver had run out before the passport was issued.")
    people = {(entry.data["finding"], entry.actor) for entry in given}
    if sorted(entry.data["waiver"] for entry in given) != counted.data["waivers"] or len(people) != len(given):
        raise VerificationError("The waivers are not the ones that were counted.")
    findings = {entry.data["finding"] for entry in given}
    if len(findings) != counted.data["findings"]:
        raise VerificationError("The waivers are about other findings than were counted.")
    codes = ", ".join(sorted({str(entry.data["code"]) for entry in given}))
    return (f"People accepted until {counted.data['ends']} what was found: {codes}.",)
