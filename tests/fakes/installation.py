"""An installation in which people, registries and clocks do whatever they like; what must stay true is the test's.

Each rule does one thing that can happen, with a registry that may fail or a process that may die in the middle of it.
An error of our own tree is an answer.
"""

import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule
from people import approve, key_of, reject
from quick_world import CATALOGUE, MODEL, proposed, quick_workspace
from registry import FakeRegistry

from audits.ledger.check import verify_entries
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
from gatekeeper.store import promotions, requests, updates
from gatekeeper.store.tables import (
    Decision,
    PromotionKind,
    PromotionState,
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


def observed_moves(session, row):
    return [move for move in promotions.of_update(session, row.id) if move.state is PromotionState.OBSERVED]
