"""Bugs to plant: each takes one check away, as a careless change would, and says which invariant must break.

A planting is a function that replaces named functions of the program. Where the program checks the same thing twice,
both checks are taken away: what is left must be found by the invariants alone.
"""

import dataclasses
from contextlib import contextmanager
from datetime import UTC, datetime

import machine_world
from machine_policies import POLICIES

import api.identity
import api.service
from audits.ledger.events import Event
from audits.passport import check
from gatekeeper.core.findings import Status
from gatekeeper.core.verdict import Outcome, Reason
from gatekeeper.pipeline import (
    approve,
    break_glass,
    granted,
    judge,
    lapse,
    late,
    moves,
    passports,
    promote,
    reconcile,
    requests,
    standing,
)
from gatekeeper.pipeline.collect import Collected
from gatekeeper.store import approvals, promotions, runs, updates
from policies import decide, votes

ALL_ROLES = ("submitter", "approver", "safety", "auditor", "admin")
PLANTED = {}
"""By name: the number of the invariant that must break, and what plants it."""


def plants(number):
    """Write a bug down under the name of the function that plants it."""

    def keep(plant):
        PLANTED[plant.__name__.replace("_", "-")] = (number, plant)
        return plant

    return keep


def _policy_of(workspace, update_id):
    with workspace.store.reading() as session:
        run = runs.latest(session, update_id)
    return next((each for each in POLICIES.values() if run and each.digest == run.policy_digest), POLICIES["one"])


def _blind_to_policies(workspace, update_id, *, policy, **more):
    standing.require_current(workspace, update_id, policy=_policy_of(workspace, update_id), **more)


@plants(1)
def approvals_under_another_policy(patch):
    patch.setattr(approve, "require_current", _blind_to_policies)


@plants(1)
def any_envelope_of_the_person_counts(patch):
    given = approve.signed
    patch.setattr(
        approve,
        "signed",
        lambda decision, key: (getattr(key, "envelopes", None) and key.envelopes[0]) or given(decision, key),
    )


@plants(1)
def registered_bytes_are_not_compared(patch):
    def trusting(workspace, intent):
        with workspace.store.reading() as session:
            return updates.as_update(updates.require(session, intent.update_id)).candidate

    patch.setattr(moves, "require_approved_bytes", trusting)
    patch.setattr(late, "require_approved_bytes", trusting)


@plants(1)
def evidence_is_not_compared(patch):
    patch.setattr(standing, "require_evidence", lambda *about: None)
    patch.setattr(passports, "require_evidence", lambda *about: None)


@plants(2)
def proposers_decide(patch):
    patch.setattr(approve, "part_in", lambda *about: None)


@plants(2)
def proposers_decide_about_requests(patch):
    patch.setattr(requests, "part_in", lambda *about: None)
    patch.setattr(break_glass, "part_in", lambda *about: None)


@plants(2)
def trainers_decide(patch):
    patch.setattr(updates, "trainer", lambda row: "")


@plants(2)
def roles_are_not_looked_at(patch):
    entitled = approve.require_entitled

    def lenient(workspace, session, row, person, policy):
        roles = dataclasses.replace(policy.approvals, roles=ALL_ROLES)
        return entitled(workspace, session, row, person, dataclasses.replace(policy, approvals=roles))

    patch.setattr(approve, "require_entitled", lenient)


@plants(2)
def programs_decide(patch):
    patch.setattr(approve, "require_person", lambda principal: None)
    patch.setattr(requests, "require_person", lambda principal: None)


@plants(2)
def authors_decide(patch):
    entitled = approve.require_entitled

    def lenient(workspace, session, row, person, policy):
        distinct = dataclasses.replace(policy.approvals, distinct_from=("submitter",))
        return entitled(workspace, session, row, person, dataclasses.replace(policy, approvals=distinct))

    patch.setattr(approve, "require_entitled", lenient)


@plants(2)
def ended_tokens_count(patch):
    known = api.identity.tokens.bearer

    def revived(session, token):
        row = known(session, token)
        return row and dataclasses.replace(row, revoked=None, expires=datetime.max.replace(tzinfo=UTC))

    patch.setattr(api.identity.tokens, "bearer", revived)


@plants(2)
def one_consent_counts_twice(patch):
    standing_now = approvals.standing
    patch.setattr(approvals, "standing", lambda *about, **more: standing_now(*about, **more) * 2)
    patch.setattr(standing, "require_agreed", _uncounted)
    patch.setattr(promote, "require_agreed", _uncounted)
    patch.setattr(passports, "require_acceptable", lambda *about: None)


def _uncounted(workspace, session, row, policy, moment):
    return standing.binding_of(session, row)[2]


@plants(2)
def those_who_left_still_count(patch):
    patch.setattr(promote, "require_agreed", _uncounted)


def _forgetting(patch, module, *events):
    append = module.append

    def forgetful(session, **leaf):
        return append(session, **leaf) if leaf["type"] not in events else None

    patch.setattr(module, "append", forgetful)


@plants(3)
def approvals_are_not_logged(patch):
    _forgetting(patch, approve, Event.APPROVAL_GIVEN)


@plants(3)
def consents_to_requests_are_not_logged(patch):
    _forgetting(patch, requests, Event.REQUEST_APPROVED)


@plants(3)
def observations_are_not_logged(patch):
    _forgetting(patch, moves, Event.PROMOTION_OBSERVED)


@plants(3)
def verdicts_are_not_logged(patch):
    _forgetting(patch, judge, Event.VERDICT_DECIDED)


@plants(0)
def moves_that_failed_count_as_made(patch):
    patch.setattr(moves, "_settle", lambda *about: True)


@contextmanager
def _always(lock_file):
    yield True


@plants(4)
def two_promotions_at_once(patch):
    patch.setattr(promotions, "under_way", lambda session, **place: None)
    patch.setattr(promote, "turn", _always)
    made = machine_world.keep_journal

    def without_index(database):
        made(database)
        machine_world.Reader(database).change("DROP INDEX uq_promotions_one_promoting")

    patch.setattr(machine_world, "keep_journal", without_index)
    patch.setattr(moves, "recover", lambda workspace: ())
    patch.setattr(api.service, "recover", lambda workspace: ())


@plants(5)
def promotions_under_another_policy(patch):
    patch.setattr(promote, "require_current", _blind_to_policies)


@plants(5)
def promotions_after_the_end(patch):
    current, count = promote.require_current, approvals.standing

    def timeless(workspace, update_id, *, policy, moment):
        del moment
        current(workspace, update_id, policy=policy, moment=datetime.min.replace(tzinfo=UTC))

    patch.setattr(promote, "require_current", timeless)
    patch.setattr(
        approvals,
        "standing",
        lambda *about, now=None, **more: count(*about, now=datetime.min.replace(tzinfo=UTC), **more),
    )


@plants(5)
def requests_after_the_end(patch):
    patch.setattr(granted, "_require_time", lambda *about: None)
    patch.setattr(lapse, "_ended", lambda *about: [])


@plants(5)
def time_is_taken_before_the_registry_answers(patch):
    intend = promote._intend
    began = {}
    current = promote.require_current

    def early(workspace, update_id, *, policy, moment):
        began[update_id] = moment
        current(workspace, update_id, policy=policy, moment=moment)

    patch.setattr(promote, "require_current", early)
    patch.setattr(
        promote,
        "_intend",
        lambda workspace, update_id, policy, now: intend(workspace, update_id, policy, began[update_id]),
    )


@plants(6)
def unmeasured_counts_as_a_pass(patch):
    def lenient(rule, report):
        del report
        reason = Reason(gate=rule.gate, code=f"{rule.gate}/unmeasured", outcome=Outcome.ADMIT, text="Fine.")
        return votes.Vote(reason=reason)

    patch.setattr(votes, "_unmeasured", lenient)


@plants(6)
def errors_count_as_a_pass(patch):
    vote = votes.votes_of

    def lenient(rule, report):
        if report is not None and report.status is Status.ERRORED:
            reason = Reason(gate=rule.gate, code=f"{rule.gate}/errored", outcome=Outcome.ADMIT, text="Fine.")
            return (votes.Vote(reason=reason),)
        return vote(rule, report)

    patch.setattr(decide, "votes_of", lenient)


@plants(6)
def missing_reports_count_as_a_pass(patch):
    vote, collect = votes.votes_of, judge.collect
    patch.setattr(decide, "votes_of", lambda rule, report: () if report is None else vote(rule, report))

    def hasty(policy, section, catalogue, measure, *, watcher):
        short = dataclasses.replace(policy, gates=policy.gates[:1], certify=policy.certify[:1])
        return Collected(runs=collect(short, section, catalogue, measure, watcher=watcher).runs, not_run=())

    patch.setattr(judge, "collect", hasty)


@plants(6)
def no_number_counts_as_a_pass(patch):
    answer = votes.evaluate

    def lenient(rule, report, *, margin):
        told = answer(rule, report, margin=margin)
        return dataclasses.replace(told, holds="<" in rule, problem="") if told.problem else told

    patch.setattr(votes, "evaluate", lenient)
    patch.setattr(votes, "fill", lambda *about, **more: "Fine.")


@plants(7)
def nothing_lapses(patch):
    patch.setattr(api.service, "lapse", lambda *about, **more: ())
    patch.setattr(reconcile, "lapse", lambda *about, **more: ())


@plants(7)
def overdue_is_never(patch):
    patch.setattr(lapse, "_is_overdue", lambda *about: False)


@plants(7)
def verifiers_do_not_look_at_the_time(patch):
    patch.setattr(check, "_require_time", lambda *about: None)


@plants(7)
def the_glass_stays_broken_for_a_month(patch):
    patch.setattr(break_glass, "BREAK_GLASS_LONGEST", break_glass.BREAK_GLASS_LONGEST * 10)
    patch.setattr(check, "BREAK_GLASS_LONGEST", break_glass.BREAK_GLASS_LONGEST * 10)
