"""Whatever people, registries and clocks do in whatever order, what must always be true stays true.

Each rule does one thing that can happen to an installation, with a registry that may fail or a process that may die in
the middle of it. An error of our own tree is an answer; anything else fails the test. After every step the invariants
of the design are read from the database, the ledger and the registry.
"""

import json
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from people import approve, key_of, reject
from quick_world import CATALOGUE, MODEL, proposed, quick_workspace
from registry import FakeRegistry
from sqlalchemy import select

from audits.ledger.check import verify_entries
from audits.passport.check import Where, check_passport
from gatekeeper.core.errors import GatekeeperError, RegistryError
from gatekeeper.core.states import State
from gatekeeper.pipeline.anchor import move_anchor
from gatekeeper.pipeline.break_glass import break_glass, review
from gatekeeper.pipeline.granted import decide
from gatekeeper.pipeline.lapse import lapse
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.revoke import revoke
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.pipeline.withdraw import withdraw
from gatekeeper.store import entries, promotions, requests, runs, updates
from gatekeeper.store.tables import (
    ApprovalRow,
    Decision,
    PromotionKind,
    PromotionRow,
    PromotionState,
    UpdateRow,
)
from policies.load import policy_from_text

_POLICY = """
policy: quick
version: %d
about: Two files are admitted, three reviewed, more blocked.
gates:
  - gate: artifact/count
    limits:
      - id: few
        admit: 'm["files"].value < 2.5'
        block: 'm["files"].value > 3.5'
        because: {admit: "Few.", review: "Some.", block: "Many."}
certify:
  - gate: artifact/count
    limits:
      - id: some
        admit: 'm["files"].value > 0.0'
        because: "{m[files].value} files."
approvals: {required: %d, roles: [approver], distinct_from: [submitter], expires_hours: 72}
"""
EXTRA = {"admitted": 0, "reviewed": 1, "blocked": 3}
PERSONS = st.sampled_from(["zelda", "dana", "kim", "ola", "ada", "abe"])
APPROVERS = st.sampled_from(["dana", "kim", "ada"])
ADMINS = st.sampled_from(["ada", "abe"])
FAULTS = st.sampled_from([None, None, None, "refuse", "late", "die"])
STEPS = st.sampled_from(["read", "set", "fetch", "attach", "publish", "log", "describe"])


class Died(BaseException):
    """The process was killed at this point."""


class Installation(RuleBasedStateMachine):
    """One model, one registry, six people, and time that passes in hours."""

    changes = Bundle("changes")
    asks = Bundle("asks")

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="state-machine-"))
        self.registry = FakeRegistry(root=self.root / "registry")
        self.policies = [policy_from_text(_POLICY % (1, 1), CATALOGUE), policy_from_text(_POLICY % (2, 2), CATALOGUE)]
        self.policy = self.policies[0]
        self.workspace = quick_workspace(self.root, self.registry, policies=self.policies)
        self.offset = timedelta()
        self.by_hand = False

    def teardown(self):
        with self.workspace.store.reading() as session:
            assert verify_entries(session).faults == ()
        self.workspace.store.close()
        shutil.rmtree(self.root)

    @property
    def now(self):
        return datetime.now(UTC) + self.offset

    @initialize(target=changes)
    def certify(self):
        checked = proposed(self.workspace, self.root, self.policy, first=True)
        for name in ("dana", "kim"):
            approve(self.workspace, checked.update_id, person=name, policy=self.policy)
        promote(self.workspace, checked.update_id, policy=self.policy)
        return checked.update_id

    @rule(target=changes, kind=st.sampled_from(sorted(EXTRA)), person=PERSONS)
    def propose(self, kind, person):
        update = self.propose_one(kind, person)
        return multiple() if update is None else update

    def propose_one(self, kind, person):
        def more(folder):
            for number in range(EXTRA[kind]):
                (folder / f"more-{number}.txt").write_text("more")

        try:
            return proposed(self.workspace, self.root, self.policy, submitter=person, prepare=more).update_id
        except GatekeeperError:
            return None

    @rule(update=changes, person=PERSONS)
    def agree(self, update, person):
        with suppress(GatekeeperError):
            approve(self.workspace, update, person=person, policy=self.policy, now=self.now)

    @rule(update=changes, person=PERSONS)
    def refuse(self, update, person):
        with suppress(GatekeeperError):
            reject(self.workspace, update, person=person, policy=self.policy, now=self.now)

    @rule(update=changes, person=PERSONS)
    def take_back(self, update, person):
        with suppress(GatekeeperError):
            withdraw(self.workspace, update, person=person)

    @rule(update=changes, fault=FAULTS, step=STEPS)
    def go_live(self, update, fault, step):
        self.carefully(fault, step, lambda: promote(self.workspace, update, policy=self.policy, now=self.now))

    @rule(
        target=changes,
        kind=st.sampled_from(["admitted", "admitted", "reviewed"]),
        approvers=st.permutations(["dana", "kim"]),
        fault=FAULTS,
        step=STEPS,
    )
    def an_update_is_proposed_agreed_to_and_goes_live(self, kind, approvers, fault, step):
        update = self.propose_one(kind, "zelda")
        if update is None:
            return multiple()
        for person in approvers:
            self.agree(update, person)
        self.go_live(update, fault, step)
        return update

    @rule(person=APPROVERS, fault=FAULTS, step=STEPS)
    def go_back(self, person, fault, step):
        about = {"person": person, "policy": self.policy, "key": key_of(person), "now": self.now}
        self.carefully(fault, step, lambda: rollback(self.workspace, MODEL, **about))

    @rule(update=changes, person=APPROVERS, fault=FAULTS, step=STEPS)
    def call_back(self, update, person, fault, step):
        about = {"person": person, "policy": self.policy, "key": key_of(person), "now": self.now}
        self.carefully(fault, step, lambda: revoke(self.workspace, update, **about))

    @rule(target=asks, update=changes, person=ADMINS, hours=st.sampled_from([1, 24, 72]))
    def break_the_glass(self, update, person, hours):
        return self.asked(break_glass, update, person, incident="INC-1", justification="because", hours=hours)

    @rule(target=asks, update=changes, person=ADMINS)
    def ask_for_review(self, update, person):
        return self.asked(review, update, person, justification="because")

    @rule(target=asks, update=changes, person=APPROVERS)
    def ask_for_anchor(self, update, person):
        return self.asked(move_anchor, update, person)

    @rule(
        target=changes,
        hours=st.sampled_from([1, 24, 72]),
        fault=FAULTS,
        step=STEPS,
        keep=st.booleans(),
        wait=st.booleans(),
    )
    def two_administrators_break_the_glass(self, hours, fault, step, keep, wait):
        update = self.propose_one("blocked", "zelda")
        if update is None:
            return multiple()
        with suppress(GatekeeperError):
            about = {"incident": "INC-2", "justification": "because", "hours": hours, "now": self.now}
            asked = break_glass(self.workspace, update, person="ada", policy=self.policy, key=key_of("ada"), **about)
            self.decide(asked.request, "abe", yes=True)
        self.go_live(update, fault, step)
        if keep:
            with suppress(GatekeeperError):
                about = {"justification": "because", "now": self.now}
                asked = review(self.workspace, update, person="abe", policy=self.policy, key=key_of("abe"), **about)
                self.decide(asked.request, "ada", yes=True)
            self.go_live(update, fault, step)
        if wait:
            self.four_days_pass()
        return update

    @rule(fault=FAULTS, step=STEPS)
    def two_people_move_the_anchor(self, fault, step):
        with self.workspace.store.reading() as session:
            live = updates.in_state(session, State.ACTIVE)
        update = live[0].id if live else "upd-none"
        with suppress(GatekeeperError):
            asked = move_anchor(
                self.workspace, update, person="dana", policy=self.policy, key=key_of("dana"), now=self.now
            )
            self.decide(asked.request, "kim", yes=True)
        self.go_live(update, fault, step)

    @rule(request=asks, person=PERSONS, yes=st.booleans())
    def decide(self, request, person, yes):
        decision = Decision.APPROVE if yes else Decision.REJECT
        about = {"person": person, "policy": self.policy, "key": key_of(person), "now": self.now}
        with suppress(GatekeeperError):
            decide(self.workspace, request, decision, **about)

    @rule(hours=st.sampled_from([1, 5, 30, 80]))
    def time_passes(self, hours):
        if self.offset < timedelta(days=20):
            self.offset += timedelta(hours=hours)

    @rule()
    def four_days_pass(self):
        self.time_passes(96)
        self.time_is_looked_at()

    @rule()
    def policy_changes(self):
        self.policy = self.policies[1 - self.policies.index(self.policy)]

    @rule(alias=st.sampled_from(["champion", "anchor"]), version=st.sampled_from(["1", "2", None]))
    def somebody_moves_an_alias(self, alias, version):
        known = [each.version for each in self.registry.versions[MODEL]]
        if version is None:
            self.registry.aliases[MODEL].pop(alias, None)
        elif version in known:
            self.registry.aliases[MODEL][alias] = version
        self.by_hand = True

    @rule()
    def somebody_puts_the_aliases_back(self):
        recover(self.workspace)
        for alias in ("champion", "anchor"):
            last = self.last_observed(alias)
            if last is not None:
                self.registry.aliases[MODEL][alias] = last.version
        self.by_hand = False

    @rule()
    def time_is_looked_at(self):
        self.settle()
        with self.workspace.store.reading() as session:
            for row in updates.in_state(session, State.ACTIVE):
                kinds = {move.kind for move in observed_moves(session, row)}
                if PromotionKind.BREAK_GLASS in kinds and PromotionKind.REVIEW not in kinds:
                    broke = [move for move in observed_moves(session, row) if move.kind is PromotionKind.BREAK_GLASS]
                    limit = requests.require(session, broke[-1].request_id).valid_until
                    assert limit > self.now - timedelta(seconds=30), "an unreviewed update outlived its time"

    def settle(self):
        """What every command and every round of the reconciler does first."""
        recover(self.workspace)
        lapse(self.workspace, now=self.now)

    def asked(self, what, update, person, **more):
        try:
            return what(
                self.workspace, update, person=person, policy=self.policy, key=key_of(person), now=self.now, **more
            ).request
        except GatekeeperError:
            return multiple()

    def carefully(self, fault, step, act):
        """Do something while the registry refuses a step, answers it too late, or our process dies at it."""
        seen = {"done": False}

        def before(now):
            if now != step or seen["done"] or fault is None:
                return
            seen["done"] = True
            if fault == "die":
                raise Died
            raise RegistryError("the registry does not answer")

        self.registry.before = before
        if fault == "late":
            self.registry.before = lambda now: None
            moved = self.registry.move_alias
            self.registry.move_alias = self.late(moved)
        try:
            with suppress(GatekeeperError, Died):
                act()
        finally:
            self.registry.before = lambda now: None
            self.registry.__dict__.pop("move_alias", None)
        self.settle()

    @staticmethod
    def late(moved):
        def move_alias(*args, **more):
            moved(*args, **more)
            raise RegistryError("no answer came")

        return move_alias

    def last_observed(self, alias):
        with self.workspace.store.reading() as session:
            return promotions.last_observed(session, registry_id=self.registry.id, model=MODEL, alias=alias)

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
        from gatekeeper.pipeline.revocations import signed_list

        checked = check_passport(
            tag,
            self.workspace.notary.trust,
            subject=row.manifest_digest,
            revocations=signed_list(self.workspace),
            now=datetime.now(UTC),
            where=where,
        )
        assert checked.update == row.id


def observed_moves(session, row):
    return [move for move in promotions.of_update(session, row.id) if move.state is PromotionState.OBSERVED]


TestInstallation = Installation.TestCase
TestInstallation.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
