"""What people do in the service's state machine: propose, evaluate, decide, move, ask, and try what they may not."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule
from machine_calls import NAMES, Calls
from machine_policies import MOODS

from gatekeeper.pipeline.approve import approve
from gatekeeper.pipeline.break_glass import break_glass
from gatekeeper.pipeline.granted import decide as decide_request
from gatekeeper.store.tables import Decision

ANYBODY = st.sampled_from(NAMES)
DECIDERS = st.sampled_from(["dana", "kim", "lee", "tom", "roy"])
ADMINS = st.sampled_from(["ada", "abe", "roy"])
FAULTS = st.sampled_from([None, None, None, "refuse", "late"])
STEPS = st.sampled_from(["read", "set", "fetch", "attach", "publish", "log", "describe"])
ACTIONS = st.sampled_from(["approve", "approve", "reject"])
TRAINERS = st.sampled_from(["", "", "tom", " Tom ", "somebody else"])


class People(Calls):
    """Rules about what people ask for."""

    changes = Bundle("changes")
    asks = Bundle("asks")

    @initialize(
        target=changes,
        moods=st.lists(st.sampled_from(["little", "some", "unmeasured"]), min_size=1, max_size=4),
        approvers=st.permutations(["dana", "kim", "lee", "tom"]),
    )
    def a_first_champion(self, moods, approvers):
        """Certify a first champion, and let updates follow it."""
        self.step_begins("a_first_champion")
        update = self.propose_as("zelda", "little", first=True)
        assert self.evaluate_as("zelda", update).status_code in (201, 202)
        for name in ("dana", "kim"):
            assert self.decide_as(name, update).status_code == 200
        assert self.promote_as("ada", update).status_code == 200
        made = [self.goes_live("zelda", mood, approvers, "ada") for mood in moods]
        assert [self.world.reader.state_of(each) for each in made] == ["SUPERSEDED"] * (len(made) - 1) + ["ACTIVE"]
        return multiple(update, *made)

    @rule(target=changes, name=ANYBODY, mood=st.sampled_from(sorted(MOODS)), trainer=TRAINERS, first=st.booleans())
    def propose(self, name, mood, trainer, first):
        self.step_begins("propose")
        update = self.propose_as(name, mood, trainer=trainer, first=first)
        return multiple() if update is None else update

    @rule(target=changes, name=st.sampled_from(["zelda", "lee", "robot"]), mood=st.sampled_from(sorted(MOODS)))
    def propose_and_evaluate(self, name, mood):
        self.step_begins("propose_and_evaluate")
        update = self.propose_as(name, mood, trainer="tom")
        if update is None:
            return multiple()
        self.evaluate_as(name, update)
        return update

    @rule(update=changes, name=ANYBODY, fault=FAULTS, step=STEPS)
    def evaluate(self, update, name, fault, step):
        self.step_begins("evaluate")
        with self.world.trouble(fault, step):
            self.evaluate_as(name, update)

    @rule(update=changes, name=ANYBODY, action=ACTIONS, old=st.booleans())
    def decide(self, update, name, action, old):
        self.step_begins("decide")
        self.decide_as(name, update, action, old=old)

    @rule(update=changes, name=DECIDERS)
    def agree_and_agree_again(self, update, name):
        self.step_begins("agree_and_agree_again")
        self.decide_as(name, update)
        self.decide_as(name, update)

    @rule(update=changes, name=ANYBODY)
    def withdraw(self, update, name):
        self.step_begins("withdraw")
        self.withdraw_as(name, update)

    @rule(update=changes, name=ANYBODY, fault=FAULTS, step=STEPS, old=st.booleans())
    def promote(self, update, name, fault, step, old):
        self.step_begins("promote")
        with self.world.trouble(fault, step):
            self.promote_as(name, update, old=old)

    @rule(
        target=changes,
        mood=st.sampled_from(["little", "little", "some", "unmeasured"]),
        proposer=st.sampled_from(["zelda", "zelda", "lee", "robot"]),
        approvers=st.permutations(["dana", "kim", "lee", "tom"]),
        promoter=st.sampled_from(["ada", "robot", "kim"]),
        fault=FAULTS,
        step=STEPS,
    )
    def an_update_goes_live(self, mood, proposer, approvers, promoter, fault, step):
        self.step_begins("an_update_goes_live")
        update = self.goes_live(proposer, mood, approvers, promoter, fault=fault, step=step)
        return multiple() if update is None else update

    def goes_live(self, proposer, mood, approvers, promoter, *, fault=None, step="set"):
        """Propose, evaluate, agree and promote; return the update, whatever came of it, or ``None``."""
        update = self.propose_as(proposer, mood, trainer="tom")
        if update is None:
            return None
        self.evaluate_as(proposer, update)
        for name in approvers:
            if self.world.reader.state_of(update) == "PENDING_APPROVAL":
                self.decide_as(name, update)
        with self.world.trouble(fault, step):
            self.promote_as(promoter, update)
        return update

    @rule(name=ANYBODY, fault=FAULTS, step=STEPS)
    def roll_back(self, name, fault, step):
        self.step_begins("roll_back")
        with self.world.trouble(fault, step):
            self.roll_back_as(name)

    @rule(update=changes, name=ANYBODY, fault=FAULTS, step=STEPS)
    def revoke(self, update, name, fault, step):
        self.step_begins("revoke")
        with self.world.trouble(fault, step):
            self.ask_as(name, update, "revoke")

    @rule(target=asks, update=changes, name=ANYBODY, action=st.sampled_from(["anchor", "review", "break-glass"]))
    def ask(self, update, name, action):
        self.step_begins("ask")
        more = {"anchor": {}, "review": {"justification": "because"}, "break-glass": None}[action]
        answer = self.break_as(name, update, 24) if more is None else self.ask_as(name, update, action, **more)
        request = self.as_requested(answer)
        return multiple() if request is None else request

    @rule(target=asks, glass=st.booleans(), name=st.sampled_from(["ada", "abe"]))
    def somebody_asks_and_others_may_answer(self, glass, name):
        self.all_is_well()
        self.step_begins("somebody_asks_and_others_may_answer")
        update = self.propose_as("zelda", "much") if glass else self.world.live()
        if update is None:
            return multiple()
        if glass:
            self.evaluate_as("zelda", update)
        request = self.as_requested(self.break_as(name, update, 24) if glass else self.ask_as("kim", update, "anchor"))
        return multiple() if request is None else request

    @rule(request=asks, name=ANYBODY, action=ACTIONS)
    def answer(self, request, name, action):
        self.step_begins("answer")
        self.answer_as(name, request, action)

    @rule(target=changes, hours=st.sampled_from([1, 24, 72]), names=st.permutations(["ada", "abe", "roy"]))
    def the_glass_is_broken(self, hours, names):
        self.step_begins("the_glass_is_broken")
        update = self.broken_glass(hours, names)
        return multiple() if update is None else update

    @rule(
        target=changes,
        hours=st.sampled_from([1, 24, 72]),
        names=st.permutations(["ada", "abe", "roy"]),
        well=st.booleans(),
        keep=st.booleans(),
        fault=FAULTS,
        step=STEPS,
    )
    def the_glass_is_broken_and_its_time_runs_out(self, hours, names, well, keep, fault, step):
        if well:
            self.all_is_well()
        self.step_begins("the_glass_is_broken_and_its_time_runs_out")
        update = self.broken_glass(hours, names)
        if update is None:
            return multiple()
        if keep and self.world.live() == update:
            answer = self.ask_as(names[0], update, "review", justification="because")
            request = self.as_requested(answer)
            if request is not None:
                self.answer_as(names[1], request)
            self.promote_as("ada", update)
        self.world.clock.advance(hours=hours)
        with self.world.trouble(fault, step):
            self.propose_as("zelda", "little")
        return update

    def broken_glass(self, hours, names):
        """Let administrators put a blocked update live; return it, whatever came of it."""
        update = self.propose_as("zelda", "much")
        if update is None:
            return None
        self.evaluate_as("zelda", update)
        request = self.as_requested(self.break_as(names[0], update, hours))
        if request is not None:
            self.answer_as(names[1], request)
            self.answer_as(names[2], request)
        self.promote_as(names[0], update)
        return update

    @rule(
        target=changes,
        what=st.sampled_from(["break-glass", "break-glass", "anchor", "review"]),
        carried=st.booleans(),
        names=st.permutations(["ada", "abe", "roy"]),
    )
    def what_people_agreed_to_is_carried_out_too_late(self, what, carried, names):
        """Some let it run out before the others decide, some before anybody carries it out."""
        self.all_is_well()
        self.step_begins("what_people_agreed_to_is_carried_out_too_late")
        if what == "anchor":
            update, names = self.world.live(), ["dana", "kim", "lee"]
            answer = None if update is None else self.ask_as(names[0], update, "anchor")
        elif what == "review":
            update = self.broken_glass(24, names)
            answer = self.ask_as(names[0], update, "review", justification="because") if update else None
        else:
            update = self.propose_as("zelda", "much")
            self.evaluate_as("zelda", update)
            answer = self.break_as(names[0], update, 24)
        request = None if answer is None else self.as_requested(answer)
        if request is None:
            return multiple()
        if carried:
            self.answer_as(names[1], request)
        self.world.clock.advance(hours=100)
        self.answer_as(names[2], request)
        self.promote_as("ada", update)
        return update

    @rule(names=st.permutations(["dana", "kim", "lee", "tom"]), fault=FAULTS, step=STEPS)
    def the_anchor_moves(self, names, fault, step):
        self.step_begins("the_anchor_moves")
        update = self.world.live()
        if update is None:
            return
        with self.world.trouble(fault, step):
            self.anchored(update, names)

    def anchored(self, update, names):
        """Let people agree to make an update the anchor, and carry it out."""
        request = self.as_requested(self.ask_as(names[0], update, "anchor"))
        for name in names[1:] if request is not None else ():
            self.answer_as(name, request)
        self.promote_as("ada", update)

    @rule(target=changes, thief=ANYBODY, owner=DECIDERS)
    def somebody_sends_what_somebody_else_signed(self, thief, owner):
        self.all_is_well()
        self.step_begins("somebody_sends_what_somebody_else_signed")
        update = self.judged_as("zelda")
        if update is None:
            return multiple()
        etag, seen = self.look(thief, update)
        path = f"/v1/updates/{update}"
        for envelope in self.envelopes(owner, path, "approve")[:1]:
            answer = self.post(thief, f"{path}/approve", {"envelope": envelope, "seen": seen}, etag=etag)
            assert thief == owner or not answer.is_success
        return update

    @rule(target=changes, other=changes, name=DECIDERS)
    def what_was_signed_for_another_update_is_sent(self, other, name):
        self.all_is_well()
        self.step_begins("what_was_signed_for_another_update_is_sent")
        update = self.judged_as("zelda")
        if update is None:
            return multiple()
        etag, seen = self.look(name, update)
        for envelope in self.envelopes(name, f"/v1/updates/{other}", "approve")[:1]:
            body = {"envelope": envelope, "seen": seen}
            self.post(name, f"/v1/updates/{update}/approve", body, etag=etag)
        return update

    def judged_as(self, name):
        """Propose and evaluate something harmless; return it, or ``None``."""
        update = self.propose_as(name, "little", trainer="tom")
        if update is not None:
            self.evaluate_as(name, update)
        return update

    @rule(update=changes, name=DECIDERS, key=st.integers(0, 3))
    def the_same_is_sent_twice(self, update, name, key):
        self.step_begins("the_same_is_sent_twice")
        etag, seen = self.look(name, update)
        envelopes = self.envelopes(name, f"/v1/updates/{update}", "approve") or ["{}"]
        body = {"envelope": envelopes[0], "seen": seen, "comment": ""}
        about = {"etag": etag, "key": f"{update}-{name}-{key}"}
        first = self.post(name, f"/v1/updates/{update}/approve", body, **about)
        again = self.post(name, f"/v1/updates/{update}/approve", body, **about, service=1)
        if first.is_success:
            assert (again.status_code, again.content) == (first.status_code, first.content)

    @rule(target=changes, names=st.lists(ANYBODY, min_size=1, max_size=4), proposer=st.sampled_from(["lee", "zelda"]))
    def people_agree_at_a_terminal(self, names, proposer):
        """The commands ask no token: what they let nobody do rests on the pipeline alone."""
        self.all_is_well()
        self.step_begins("people_agree_at_a_terminal")
        update = self.judged_as(proposer)
        for name in names if update is not None else ():
            self.at_a_terminal(name, approve, update)
        return multiple() if update is None else update

    @rule(target=changes, name=ADMINS, hours=st.sampled_from([1, 73, 700, float("nan")]))
    def the_glass_is_broken_at_a_terminal(self, name, hours):
        self.all_is_well()
        self.step_begins("the_glass_is_broken_at_a_terminal")
        update = self.propose_as("zelda", "much")
        if update is None:
            return multiple()
        self.evaluate_as("zelda", update)
        self.at_a_terminal(name, break_glass, update, incident="INC-3", justification="because", hours=hours)
        return update

    @rule(request=asks, name=ANYBODY)
    def somebody_agrees_to_a_request_at_a_terminal(self, request, name):
        self.step_begins("somebody_agrees_to_a_request_at_a_terminal")
        self.at_a_terminal(name, decide_request, request, Decision.APPROVE)
