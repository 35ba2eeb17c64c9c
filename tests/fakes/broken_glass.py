"""Breaking the glass as tests do it: ada asks, abe agrees."""

from datetime import UTC, datetime, timedelta

from people import key_of

from audits.passport.check import Where, check_passport
from gatekeeper.pipeline.break_glass import break_glass, review
from gatekeeper.pipeline.granted import decide
from gatekeeper.store import requests
from gatekeeper.store.tables import Decision

MODEL = "tiny"


def ask(workspace, checked, policy, person="ada", **changed):
    about = {"incident": "INC-7", "justification": "the live one answers nothing", "hours": 24, **changed}
    return break_glass(workspace, checked.update_id, person=person, policy=policy, key=key_of(person), **about)


def agree(workspace, asked, policy, person="abe", decision=Decision.APPROVE, now=None):
    return decide(workspace, asked.request, decision, person=person, policy=policy, key=key_of(person), now=now)


def ask_to_keep(workspace, checked, policy, person="ada", now=None):
    return review(
        workspace,
        checked.update_id,
        person=person,
        policy=policy,
        key=key_of(person),
        justification="it was the suite that was wrong",
        now=now,
    )


def passport_of(workspace, registry, checked, version, *, now=None):
    """Check the version's passport as a verifier does that asks for the alias."""
    return check_passport(
        registry.describe(MODEL, version).tags["gatekeeper.passport.champion"],
        workspace.notary.trust,
        subject=checked.update.digest,
        revocations=registry.revocations(MODEL),
        now=now or datetime.now(UTC),
        where=Where(registry=registry.id, model=MODEL, version=version, alias="champion"),
    )


def request_state(workspace, request_id):
    with workspace.store.reading() as session:
        return requests.require(session, request_id).state


def later(hours):
    return datetime.now(UTC) + timedelta(hours=hours)
