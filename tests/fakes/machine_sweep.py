"""Every kind of trouble of the service's state machine once, in a fixed order: a short walk that passes every check.

The machine draws its steps at random; this walk is for whoever wants to know within seconds whether a check that is
gone is noticed at all.
"""

NAMES = ["dana", "kim", "lee", "tom"]
ADMINS = ["ada", "abe", "roy"]


def steps(machine):
    """Yield the walk, one step after the other, as functions."""
    update = None

    def keep(result):
        nonlocal update
        values = getattr(result, "values", (result,))
        update = values[-1] if values and isinstance(values[-1], str) else update

    yield lambda: keep(machine.a_first_champion(["little"], NAMES))
    for mood in ("unmeasured", "failing", "no-number", "leaving", "much", "much-and-failing", "some", "little"):
        yield lambda mood=mood: keep(machine.propose_and_evaluate("lee", mood))
    yield lambda: keep(machine.people_agree_at_a_terminal(["bot", "zelda", "tom", "lee"], "lee"))
    yield lambda: keep(machine.people_agree_at_a_terminal(["ola", "ada", "robot"], "zelda"))
    yield lambda: keep(machine.what_was_signed_for_another_update_is_sent(update, "kim"))
    yield lambda: keep(machine.somebody_sends_what_somebody_else_signed("lee", "kim"))
    yield lambda: keep(machine.a_day_under_a_stricter_policy(NAMES, ["little"]))
    yield lambda: machine.a_good_day("author", ["little"], NAMES, "nothing", None, "set")
    for when in ("approval", "promotion"):
        yield lambda when=when: machine.the_policy_changes_on_the_way(when, "two")
        yield lambda when=when: machine.the_policy_changes_on_the_way(when, "author")
        yield lambda when=when: machine.time_runs_out_on_the_way(when)
        for what in ("leave", "program", "token"):
            yield lambda when=when, what=what: machine.people_change_on_the_way(when, what)
        for what in ("intake", "registry", "hand"):
            yield lambda when=when, what=what: machine.something_is_tampered_with_on_the_way(when, what)
    yield lambda: keep(machine.a_good_day("one", ["little", "some"], NAMES, "anchor", None, "set"))
    for fault, step in (("refuse", "set"), ("late", "set"), ("refuse", "attach"), ("refuse", "fetch")):
        yield lambda fault=fault, step=step: keep(
            machine.an_update_goes_live("little", "zelda", NAMES, "ada", fault, step)
        )
    yield lambda: keep(machine.a_day_without_trouble(NAMES, ["little", "little"]))
    for what in ("promote", "time", "policy", "reject", "withdraw", "roll-back", "round"):
        yield lambda: machine.all_is_well() or machine.everybody_is_back()
        yield lambda what=what: machine.something_happens_while_an_update_goes_live(
            "kim", "read" if what == "time" else "fetch", what, "two", waiting=True
        )
    for thorough in (True, False):
        yield lambda: keep(machine.people_agree_at_a_terminal([], "zelda"))
        yield lambda thorough=thorough: machine.evidence_is_changed_before_the_promotion(update, thorough)
    yield lambda: machine.what_people_agreed_to_is_carried_out_too_late("break-glass", False, ADMINS)
    yield lambda: machine.what_people_agreed_to_is_carried_out_too_late("break-glass", True, ADMINS)
    yield lambda: machine.what_people_agreed_to_is_carried_out_too_late("anchor", True, ADMINS)
    for names in (["roy", "ada", "abe"], ["ada", "roy", "abe"], ADMINS):
        yield lambda names=names: machine.the_glass_is_broken_and_its_time_runs_out(
            24, names, True, False, None, "set"
        )
    yield lambda: machine.the_glass_is_broken_and_its_time_runs_out(72, ADMINS, True, True, None, "set")
    yield lambda: keep(machine.propose_and_evaluate("roy", "much"))
    yield lambda: machine.ask(update, "roy", "break-glass")
    for hours in (73, 700):
        yield lambda hours=hours: keep(machine.the_glass_is_broken_at_a_terminal("ada", hours))
    yield lambda: keep(machine.the_glass_is_broken(24, ADMINS))
    yield lambda: machine.time_passes(30)
    yield lambda: machine.the_reconciler_looks(None, "set")


def sweep(machine):
    """Walk, and look at every invariant after every step."""
    for step in steps(machine):
        step()
        machine.what_must_always_be_true()
    machine.teardown()
