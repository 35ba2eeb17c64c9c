"""What happens around people in the service's state machine: time, policies, tokens, bytes, aliases, deaths, races."""

import json
from contextlib import suppress
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule
from machine_calls import NAMES
from machine_people import ANYBODY, DECIDERS, FAULTS, STEPS, People
from machine_policies import MODEL, POLICIES
from machine_readings import digest
from machine_world import PEOPLE

from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline.approve import approve
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.reconcile import reconcile_round

ENDS = 60 * 24
"""Hours after which the clock stands: tokens and revocation lists count longer."""
MOODS_OF_A_DAY = st.lists(st.sampled_from(["little", "little", "some", "unmeasured"]), min_size=1, max_size=3)
WHEN = st.sampled_from(["approval", "promotion"])
MEANWHILE = (
    "promote",
    "reject",
    "withdraw",
    "agree",
    "roll-back",
    "revoke",
    "break",
    "policy",
    "time",
    "hand",
    "leave",
    "round",
)


class Died(BaseException):
    """The process was killed at this point."""


class Troubles(People):
    """Rules about everything else that happens."""

    changes = Bundle("changes")

    @rule(hours=st.sampled_from([1, 5, 23, 30, 80]))
    def time_passes(self, hours):
        self.step_begins("time_passes")
        self.world.clock.advance(hours=hours)

    @rule(name=st.sampled_from(sorted(POLICIES)))
    def another_policy_applies(self, name):
        self.world.policy = name
        self.step_begins("another_policy_applies")

    @rule()
    def the_first_policy_applies_again(self):
        self.world.policy = "one"
        self.step_begins("the_first_policy_applies_again")

    @rule(name=ANYBODY, hours=st.sampled_from([0, 2]))
    def a_token_ends(self, name, hours):
        self.step_begins("a_token_ends")
        if hours:
            self.world.give_token(name, hours=hours)
        else:
            self.world.end_token(name)

    @rule()
    def everybody_gets_a_token(self):
        self.step_begins("everybody_gets_a_token")
        for name in NAMES:
            if not self.world.counts(name):
                self.world.give_token(name)

    @rule(name=ANYBODY, roles=st.sampled_from([None, (), ("submitter",), ("approver",), ("service", "approver")]))
    def somebody_leaves_or_gets_other_roles(self, name, roles):
        if name != "ada":  # somebody has to make tokens
            self.world.people = {**self.world.people, name: PEOPLE[name]}
            if roles is None:
                del self.world.people[name]
            else:
                changed = type(PEOPLE[name])(name=name, roles=roles, key=PEOPLE[name].key)
                self.world.people[name] = changed
        self.step_begins("somebody_leaves_or_gets_other_roles")

    @rule()
    def everybody_is_back(self):
        self.world.people = dict(PEOPLE)
        self.step_begins("everybody_is_back")

    @rule(alias=st.sampled_from(["champion", "anchor"]), version=st.sampled_from(["1", "2", "3", None]))
    def an_alias_is_moved_by_hand(self, alias, version):
        self.step_begins("an_alias_is_moved_by_hand")
        self.move_by_hand(alias, version)

    def move_by_hand(self, alias, version):
        known = [each.version for each in self.world.registry.versions[MODEL]]
        if version is None or version in known:
            self.world.registry.move_by_hand(MODEL, alias, version)
            self.world.by_hand = True

    @rule()
    def aliases_are_put_back(self):
        self.step_begins("aliases_are_put_back")
        self.put_aliases_back()

    def put_aliases_back(self):
        recover(self.world.workspace)
        for alias in ("champion", "anchor"):
            last = self.world.reader.one(
                "SELECT version FROM promotions WHERE state = 'OBSERVED' AND alias = ? ORDER BY intent_seq DESC", alias
            )
            self.world.registry.move_by_hand(MODEL, alias, last and last["version"])
        self.world.by_hand = False

    def all_is_well(self, policy="one"):
        """Undo every trouble, so that much can happen in a step."""
        self.world.is_well(policy)
        if self.world.by_hand:
            self.put_aliases_back()

    @rule(target=changes, approvers=st.permutations(["dana", "kim", "lee", "tom"]), moods=MOODS_OF_A_DAY)
    def a_day_without_trouble(self, approvers, moods):
        self.all_is_well()
        self.step_begins("a_day_without_trouble")
        made = [self.goes_live("zelda", mood, approvers, "ada") for mood in moods]
        return multiple(*(update for update in made if update is not None))

    @rule(target=changes, approvers=st.permutations(["dana", "kim", "lee", "tom"]), moods=MOODS_OF_A_DAY)
    def a_day_under_a_stricter_policy(self, approvers, moods):
        self.all_is_well("two")
        self.step_begins("a_day_under_a_stricter_policy")
        made = [self.goes_live("robot", mood, approvers, "robot") for mood in moods]
        return multiple(*(update for update in made if update is not None))

    @rule(
        target=changes,
        policy=st.sampled_from(["one", "one", "two", "safety", "author"]),
        moods=MOODS_OF_A_DAY,
        approvers=st.permutations(["dana", "kim", "lee", "tom"]),
        then=st.sampled_from(["nothing", "roll-back", "revoke", "anchor", "break", "withdraw", "reject"]),
        fault=FAULTS,
        step=STEPS,
    )
    def a_good_day(self, policy, moods, approvers, then, fault, step):
        self.all_is_well(policy)
        self.step_begins("a_good_day")
        made = [self.goes_live("zelda", mood, approvers, "robot") for mood in moods]
        with self.world.trouble(fault, step):
            self.then(then, approvers)
        return multiple(*(update for update in made if update is not None))

    def then(self, then, approvers):
        """Do something after updates went live."""
        live = self.world.live()
        if then == "break":
            self.broken_glass(24, ["ada", "abe", "roy"])
        elif then == "roll-back":
            self.roll_back_as(approvers[0])
        elif live is None:
            return
        elif then == "revoke":
            self.ask_as(approvers[0], live, "revoke")
        elif then == "anchor":
            self.anchored(live, approvers)
        elif then in ("withdraw", "reject"):
            update = self.propose_as("lee", "little")
            if update is not None:
                self.evaluate_as("lee", update)
                self.decide_as("dana", update)
                self.withdraw_as("lee", update) if then == "withdraw" else self.decide_as("kim", update, "reject")

    @rule(target=changes, when=WHEN, policy=st.sampled_from(["two", "safety", "author"]))
    def the_policy_changes_on_the_way(self, when, policy):
        return self.on_the_way("the_policy_changes_on_the_way", when, "policy", policy)

    @rule(target=changes, when=WHEN)
    def time_runs_out_on_the_way(self, when):
        return self.on_the_way("time_runs_out_on_the_way", when, "time")

    @rule(target=changes, when=WHEN, what=st.sampled_from(["leave", "program", "token"]))
    def people_change_on_the_way(self, when, what):
        return self.on_the_way("people_change_on_the_way", when, what)

    @rule(target=changes, when=WHEN, what=st.sampled_from(["hand", "intake", "registry"]))
    def something_is_tampered_with_on_the_way(self, when, what):
        return self.on_the_way("something_is_tampered_with_on_the_way", when, what)

    def on_the_way(self, rule, when, what, policy="one"):
        """What held when an update was judged, or agreed to, holds no more when the next one acts."""
        self.all_is_well()
        self.step_begins(rule)
        update = self.judged_as("zelda")
        if update is None:
            return multiple()
        for moment in ("approval", "promotion"):
            if moment == when:
                self.what_must_always_be_true()
                self.changes_now(what, update, policy)
                self.step_begins(rule)
            if moment == "approval":
                for name in ("dana", "lee"):
                    self.decide_as(name, update)
                    self.at_a_terminal(name, approve, update)
        self.promote_as("ada", update)
        return update

    def changes_now(self, what, update, policy):
        """Let one thing be another from now on."""
        if what == "policy":
            self.world.policy = policy
        elif what == "time":
            self.world.clock.advance(hours=80)
        elif what in ("leave", "program"):
            people = {name: each for name, each in self.world.people.items() if name not in ("dana", "lee")}
            if what == "program":
                people |= {name: replace(PEOPLE[name], roles=("service", "approver")) for name in ("dana", "lee")}
            self.world.people = people
        elif what == "token":
            for name in ("dana", "lee"):
                self.world.end_token(name)
        elif what == "hand":
            self.move_by_hand("champion", "1")
        elif what == "intake":
            self.world.change_file(self.world.root / "intake" / update / "candidate" / "model.safetensors")
        elif (version := self.world.version_of(update)) is not None:
            self.world.change_file(self.world.registry.weights_of(MODEL, version))

    @rule(update=changes, where=st.sampled_from(["intake", "registry", "evidence"]))
    def bytes_are_changed(self, update, where):
        self.step_begins("bytes_are_changed")
        if where == "intake":
            self.world.change_file(self.world.root / "intake" / update / "candidate" / "model.safetensors")
        elif where == "registry":
            version = self.world.version_of(update)
            if version is not None:
                self.world.change_file(self.world.registry.weights_of(MODEL, version))
        else:
            for path in sorted((self.world.root / "evidence").rglob("*.txt"))[-2:]:
                self.world.change_file(path)

    @rule()
    def bytes_are_put_back(self):
        self.step_begins("bytes_are_put_back")
        self.world.put_files_back()

    @rule(update=changes, thorough=st.booleans())
    def evidence_is_changed_before_the_promotion(self, update, thorough):
        """Somebody with the database's own tools makes a report say something else than what people agreed to."""
        self.step_begins("evidence_is_changed_before_the_promotion")
        reader = self.world.reader
        row = reader.one(
            "SELECT reports.* FROM reports JOIN runs ON runs.id = reports.run_id WHERE runs.update_id = ? "
            "ORDER BY runs.started DESC, gate LIMIT 1",
            update,
        )
        if row is None or reader.state_of(update) not in ("PENDING_APPROVAL", "APPROVED", "PROMOTION_FAILED"):
            return
        report = json.loads(row["report"])
        report["note"] = "nothing to see here"
        change = "UPDATE reports SET report = ?, digest = ? WHERE run_id = ? AND gate = ?"
        hidden = digest(report) if thorough else row["digest"]
        reader.change(change, canonical(report).decode(), hidden, row["run_id"], row["gate"])
        for name in ("kim", "dana"):
            self.decide_as(name, update)
        answer = self.promote_as("ada", update)
        reader.change(change, row["report"], row["digest"], row["run_id"], row["gate"])
        assert not answer.is_success, "what people agreed to was changed, and it was promoted"

    @rule(update=changes, step=STEPS)
    def a_promotion_dies_at_a_terminal(self, update, step):
        self.step_begins("a_promotion_dies_at_a_terminal")

        def die():
            raise Died

        with self.world.trouble(None, step, meanwhile=die), suppress(GatekeeperError, Died):
            promote(self.world.workspace, update, policy=self.world.applied)

    @rule(fault=FAULTS, step=STEPS)
    def the_reconciler_looks(self, fault, step):
        self.step_begins("the_reconciler_looks")
        began = self.world.clock.now()
        with self.world.trouble(fault, step):
            seen = reconcile_round(self.world.workspace, policy=self.world.applied)
        if not seen.errors:
            self.settled = began

    @rule(
        update=changes,
        other=changes,
        name=DECIDERS,
        step=STEPS,
        what=st.sampled_from(MEANWHILE),
        policy=st.sampled_from(sorted(POLICIES)),
    )
    def something_happens_during_a_promotion(self, update, other, name, step, what, policy):
        self.step_begins("something_happens_during_a_promotion")
        with self.world.trouble(None, step, meanwhile=lambda: self.happens(what, update, other, name, policy)):
            self.promote_as("ada", update)
        self.settled = None

    @rule(
        name=DECIDERS,
        step=STEPS,
        what=st.sampled_from(MEANWHILE),
        policy=st.sampled_from(sorted(POLICIES)),
        waiting=st.booleans(),
    )
    def something_happens_while_an_update_goes_live(self, name, step, what, policy, waiting):
        self.step_begins("something_happens_while_an_update_goes_live")
        ready = [self.propose_as("zelda", "little") for _ in range(1 + waiting)]
        for update in ready:
            if update is not None:
                self.evaluate_as("zelda", update)
                for approver in ("kim", "dana"):
                    self.decide_as(approver, update)
        update, other = ready[0], ready[-1]
        if update is None or other is None:
            return
        with self.world.trouble(None, step, meanwhile=lambda: self.happens(what, update, other, name, policy)):
            self.promote_as("robot", update)
        self.settled = None

    def happens(self, what, update, other, name, policy):
        """Do something at the other service, or to the world, in the middle of a promotion."""
        self.world.registry.before = lambda now: None
        if what == "promote":
            self.promote_as("abe", other, service=1)
        elif what == "reject":
            self.decide_as(name, update, "reject", service=1)
        elif what == "withdraw":
            self.withdraw_as("zelda", update, service=1)
        elif what == "agree":
            self.decide_as(name, other, service=1)
        elif what == "roll-back":
            self.roll_back_as(name, service=1)
        elif what == "revoke":
            self.ask_as(name, other, "revoke", service=1)
        elif what == "break":
            self.ask_as(
                "abe", other, "break-glass", service=1, signed={"hours": 1}, incident="INC-2", justification="because"
            )
        elif what == "policy":
            self.world.policy = policy
            self.applied.add(self.world.applied.digest)
        elif what == "time":
            self.world.clock.advance(hours=80)
        elif what == "hand":
            self.move_by_hand("champion", "1")
        elif what == "leave":
            self.world.people = {**self.world.people}
            self.world.people.pop(name, None)
        else:
            reconcile_round(self.world.workspaces[1], policy=self.world.applied)
