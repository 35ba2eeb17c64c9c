"""What is said of an entry of the ledger: a function of it, with no name and no text in it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from api.webhooks.events import KINDS, TYPES, body_of, body_of_test, matrix, types_of
from api.webhooks.signing import secret_of, signed
from audits.ledger.events import EVENTS, Event
from audits.ledger.leaf import write_leaf

HOME = Path(__file__).resolve().parents[3]
PERSON = "person:" + "0a" * 32
KEY = b"k" * 32


def leaf_of(event, subject="upd-1", **data):
    filled = {**dict.fromkeys(EVENTS[event]), **data}
    return write_leaf(
        seq=7, ts=datetime(2026, 11, 1, tzinfo=UTC), type=event, actor=PERSON, subject=subject, data=filled
    )


def verdict(outcome, *, errored=False):
    return leaf_of(Event.VERDICT_DECIDED, outcome=outcome, errored=errored, update_digest="sha256:" + "0a" * 32)


@pytest.mark.parametrize(
    ("leaf", "types", "state"),
    [
        pytest.param(verdict("ADMIT"), ("update.judged", "approval.needed"), "PENDING_APPROVAL", id="admitted"),
        pytest.param(verdict("REVIEW"), ("update.judged", "approval.needed"), "PENDING_APPROVAL", id="for-review"),
        pytest.param(verdict("BLOCK"), ("update.judged",), "BLOCKED", id="blocked"),
        pytest.param(verdict("ADMIT", errored=True), ("update.judged",), "ERRORED", id="errored-is-no-pass"),
    ],
)
def test_people_are_asked_only_where_they_can_answer(leaf, types, state):
    assert types_of("verdict.decided", leaf) == types
    assert json.loads(body_of("update.judged", leaf, model="helper"))["data"]["state"] == state


@pytest.mark.parametrize("action", ["break-glass", "anchor", "review"])
def test_only_breaking_the_glass_is_breaking_the_glass(action):
    types = types_of("request.opened", leaf_of(Event.REQUEST_OPENED, action=action))

    assert types == (("break_glass.asked",) if action == "break-glass" else ())


def test_an_entry_that_concerns_nobody_outside_is_no_event():
    assert types_of("token.made", leaf_of(Event.TOKEN_MADE)) == ()
    assert types_of("gate.reported", leaf_of(Event.GATE_REPORTED)) == ()
    assert types_of("never.heard.of", b"{}") == ()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_an_event_says_only_what_is_named_and_nobody_who_acted(kind):
    data = dict.fromkeys(EVENTS[kind.entry], "x") | {"action": "break-glass", "outcome": "ADMIT", "errored": False}
    data = {key: value for key, value in data.items() if key in EVENTS[kind.entry]}
    body = body_of(kind.type, leaf_of(kind.entry, **data), model="a name with spaces")
    said = json.loads(body)

    assert set(said) == {"type", "timestamp", "data"}
    assert set(said["data"]) == {*kind.passed_on, kind.subject, "seq", "model"} | (
        {"state"} if kind.state is not None else set()
    )
    assert b"person:" not in body
    assert b"name with spaces" not in body
    assert not {"comment_digest", "justification_digest", "key", "envelope_digest"} & set(said["data"])


def test_the_same_entry_gives_the_same_bytes():
    leaf = verdict("ADMIT")

    assert body_of("update.judged", leaf, model="helper") == body_of("update.judged", leaf, model="helper")


def test_types_are_known_once():
    assert len(set(TYPES)) == len(TYPES)
    assert {kind.entry for kind in KINDS} <= set(Event)


def test_the_table_in_the_documentation_is_the_one_here():
    assert matrix() in (HOME / "docs" / "webhooks.md").read_text(encoding="utf-8")


def test_a_receiver_with_either_secret_verifies_a_delivery():
    secrets = [secret_of(KEY, "whe-1", number) for number in (2, 1)]
    now = datetime.now(UTC)
    body = body_of_test("whe-1", now)
    headers = signed(secrets, "msg_1", now, body)

    for secret in secrets:
        assert Webhook(secret).verify(body, headers)["data"] == {"webhook": "whe-1"}
    for secret in (secret_of(KEY, "whe-1", 3), secret_of(KEY, "whe-2", 1), secret_of(b"j" * 32, "whe-1", 1)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)


def test_a_delivery_without_a_secret_is_never_signed():
    with pytest.raises(RuntimeError, match="without a signature"):
        signed([], "msg_1", datetime.now(UTC), b"{}")
