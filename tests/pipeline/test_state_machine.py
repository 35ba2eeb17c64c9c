"""Whatever people, registries and clocks do in whatever order, what must always be true stays true.

After every step the invariants of the design are read from the database, the ledger and the registry. An error that is
not of our own tree fails the test.
"""

import json
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant
from installation import Installation, observed_moves
from quick_world import MODEL
from sqlalchemy import select

from audits.passport.check import Where, check_passport
from gatekeeper.core.states import State
from gatekeeper.pipeline.revocations import signed_list
from gatekeeper.store import entries, promotions, runs, updates
from gatekeeper.store.tables import ApprovalRow, PromotionKind, PromotionRow, PromotionState, UpdateRow


class Invariants(Installation):
    """The design's invariants, asked after every step."""

    @invariant()
    def at_most_one_move_of_an_alias_is_under_way(self):
        with self.workspace.store.reading() as session:
            rows = promotions.all_under_way(session)
        assert len({(row.registry_id, row.model, row.alias) for row in rows}) == len(rows)

    @invariant()
    def at_most_one_update_is_live(self):
        with self.workspace.store.reading() as session:
            assert len(updates.in_state(session, State.ACTIVE)) <= 1

    @invariant()
    def aliases_are_where_the_last_observed_move_left_them(self):
        if self.by_hand:
            return
        with self.workspace.store.reading() as session:
            under_way = {row.alias for row in promotions.all_under_way(session)}
        for alias in {"champion", "anchor"} - under_way:
            last = self.last_observed(alias)
            assert self.registry.aliases.get(MODEL, {}).get(alias) == (last.version if last else None)

    @invariant()
    def every_move_is_in_the_ledger_with_all_that_it_rests_on(self):
        with self.workspace.store.reading() as session:
            observed = session.scalars(select(PromotionRow).where(PromotionRow.state == PromotionState.OBSERVED)).all()
            for move in observed:
                self.require_supported(session, move)

    def require_supported(self, session, move):
        row = updates.require(session, move.update_id)
        told = [(entry.type, entry.actor, json.loads(entry.leaf)) for entry in entries.of_subject(session, row.id)]
        intents = [leaf for kind, _, leaf in told if kind == "promotion.intended"]
        intent = next(leaf for leaf in intents if leaf["data"]["promotion"] == move.id)
        seen = [leaf for kind, _, leaf in told if kind == "promotion.observed"]
        assert any(leaf["data"]["promotion"] == move.id and leaf["seq"] > intent["seq"] for leaf in seen)
        bound = {key: intent["data"][key] for key in ("update_digest", "policy_digest", "evidence_digest")}
        verdicts = [leaf for kind, _, leaf in told if kind == "verdict.decided" and leaf["seq"] < intent["seq"]]
        verdict = verdicts[-1]["data"]
        assert {key: verdict[key] for key in bound} == bound
        assert verdict["errored"] is False
        exceptional = move.kind in (PromotionKind.BREAK_GLASS, PromotionKind.REVIEW)
        assert exceptional is (verdict["outcome"] == "BLOCK")
        if move.kind in (PromotionKind.PROMOTE, PromotionKind.CERTIFY):
            people = {
                actor
                for kind, actor, leaf in told
                if kind == "approval.given"
                and leaf["seq"] < intent["seq"]
                and {key: leaf["data"][key] for key in bound} == bound
            }
            policy = next(each for each in self.policies if each.digest == bound["policy_digest"])
            needed = policy.approvals.needed(two_person=move.kind is PromotionKind.CERTIFY)
            latest = runs.latest(session, row.id)
            given = session.scalars(select(ApprovalRow).where(ApprovalRow.run_id == latest.id)).all()
            assert all(each.expires > move.started for each in given if each.approver in people)
        else:
            people = {
                actor
                for kind, actor, leaf in told
                if kind == "request.approved"
                and leaf["seq"] < intent["seq"]
                and leaf["data"]["request"] == move.request_id
            }
            needed = 1 if move.kind is PromotionKind.ROLLBACK else 2
        assert len(people) >= needed
        assert row.submitter not in people
        assert all(person.startswith("person:") for person in people)

    @invariant()
    def a_live_update_was_let_through_or_the_glass_was_broken(self):
        with self.workspace.store.reading() as session:
            for row in updates.in_state(session, State.ACTIVE):
                verdict = runs.verdict(session, runs.latest(session, row.id).id)
                kinds = {move.kind for move in observed_moves(session, row)}
                assert not verdict.errored
                assert verdict.outcome.name != "BLOCK" or PromotionKind.BREAK_GLASS in kinds

    @invariant()
    def a_verifier_accepts_the_champion_and_nothing_older(self):
        if self.by_hand:
            return
        last = self.last_observed("champion")
        with self.workspace.store.reading() as session:
            if promotions.all_under_way(session):
                return
            row = session.scalars(
                select(UpdateRow).where(UpdateRow.state == State.ACTIVE, UpdateRow.model == MODEL)
            ).one_or_none()
        if row is None:
            return
        where = Where(registry=self.registry.id, model=MODEL, version=last.version, alias="champion")
        tag = self.registry.describe(MODEL, last.version).tags["gatekeeper.passport.champion"]
        checked = check_passport(
            tag,
            self.workspace.notary.trust,
            subject=row.manifest_digest,
            revocations=signed_list(self.workspace),
            now=datetime.now(UTC),
            where=where,
        )
        assert checked.update == row.id


TestInvariants = Invariants.TestCase
TestInvariants.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
