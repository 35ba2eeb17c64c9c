"""Deliveries: made from the ledger, sent at least once, by one sender at a time, and given up in the open."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from quick_world import MODEL
from standardwebhooks import Webhook

from api.webhooks.post import NotSent
from api.webhooks.reminding import WebhookNotifier
from api.webhooks.sender import DISABLED_AFTER, LEASE, MOST_ATTEMPTS, Sender, wait_after
from api.webhooks.signing import secret_of
from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.pipeline import webhooks as stage
from gatekeeper.pipeline.remind import Reminder
from gatekeeper.store import entries, webhooks
from gatekeeper.store.tables import DeliveryState, EndpointState, ReminderKind

KEY = b"k" * 32
URL = "https://hooks.example.com/x"
WITHDRAWN = {"type": Event.UPDATE_WITHDRAWN, "data": {"update_digest": None, "state": None}}
EVERYTHING = ["update.submitted", "update.judged", "approval.needed", "approval.given", "update.promoted"]


class Poster:
    """Takes what is sent, and answers as a test likes: a status, or why none came."""

    def __init__(self, *answers):
        self.sent, self._answers = [], list(answers)
        self.during = lambda: None

    def post(self, url, body, headers):
        self.sent.append((url, json.loads(body), dict(headers)))
        self.during()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0] if self._answers else 204
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now

    def passes(self, **time):
        self.now += timedelta(**time)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def endpoint(workspace):
    return stage.add(workspace, URL, EVERYTHING, by="ada").id


def sender(workspace, poster, clock):
    return Sender(workspace.store, poster, KEY, clock=clock)


def delivered(workspace, endpoint):
    with workspace.store.reading() as session:
        return webhooks.deliveries(session, endpoint)


def state_of(workspace, endpoint):
    with workspace.store.reading() as session:
        return webhooks.find_endpoint(session, endpoint).state


def happens(workspace):
    """Write an entry that is an event, and nothing else."""
    with workspace.store.transaction() as session:
        append(session, actor="service:gatekeeper", subject="upd-1", **WITHDRAWN)


@pytest.fixture
def one(workspace, clock):
    """An endpoint with one event that waits for it."""
    made = stage.add(workspace, URL, ["update.withdrawn"], by="ada").id
    happens(workspace)
    clock.now = datetime.now(UTC)
    return made


def test_a_whole_promotion_is_told_in_events(world, workspace, clock, endpoint):
    update = world.live()
    poster = Poster()
    clock.now = datetime.now(UTC)

    sent = sender(workspace, poster, clock).send_due()

    told = [body["type"] for _url, body, _headers in poster.sent]
    assert sorted(told) == sorted([*EVERYTHING, "approval.given", "update.promoted"])  # two people, two aliases
    assert all(each.taken for each in sent)
    judged = next(body for _url, body, _headers in poster.sent if body["type"] == "update.judged")
    assert (judged["data"]["update"], judged["data"]["model"], judged["data"]["outcome"]) == (update, MODEL, "ADMIT")
    for _url, body, headers in poster.sent:
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert Webhook(secret_of(KEY, endpoint, 1)).verify(text, headers) == body
    assert {row.state for row in delivered(workspace, endpoint)} == {DeliveryState.DELIVERED}


def test_what_happened_before_an_endpoint_was_made_is_not_sent(world, workspace, clock):
    world.live()
    stage.add(workspace, URL, EVERYTHING, by="ada")

    assert sender(workspace, Poster(), clock).send_due() == []


def test_an_endpoint_is_sent_what_it_asked_for(world, workspace, clock):
    stage.add(workspace, URL, ["update.promoted"], by="ada")
    world.live()
    poster = Poster()
    clock.now = datetime.now(UTC)

    sender(workspace, poster, clock).send_due()

    assert {body["type"] for _url, body, _headers in poster.sent} == {"update.promoted"}


def test_an_event_behind_many_entries_that_are_none_is_found_in_one_go(workspace, clock, one, monkeypatch):
    monkeypatch.setattr("gatekeeper.store.webhooks._AT_ONCE", 3)
    with workspace.store.transaction() as session:
        for number in range(20):
            append(
                session,
                type=Event.TOKEN_ENDED,
                actor="service:gatekeeper",
                subject=f"tok-{number}",
                data={"holder": None},
            )
    happens(workspace)

    assert len(sender(workspace, Poster(), clock).send_due()) == 2


def test_an_event_stands_or_falls_with_what_it_tells(workspace, clock, one):
    def comes_to_nothing():
        with workspace.store.transaction() as session:
            append(session, actor="service:gatekeeper", subject="upd-2", **WITHDRAWN)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        comes_to_nothing()

    assert len(sender(workspace, Poster(), clock).send_due()) == 1


def test_a_sender_that_died_after_sending_sends_again_with_the_same_id(workspace, clock, one):
    class Died(BaseException):
        pass

    dying = Poster(Died())
    with pytest.raises(Died):
        sender(workspace, dying, clock).send_due()
    at_once = sender(workspace, Poster(), clock).send_due()
    clock.passes(seconds=LEASE.total_seconds() + 1)
    poster = Poster()
    later = sender(workspace, poster, clock).send_due()

    assert at_once == []
    assert [each.taken for each in later] == [True]
    assert poster.sent[0][2]["webhook-id"] == dying.sent[0][2]["webhook-id"]
    assert poster.sent[0][1] == dying.sent[0][1]


def test_many_senders_at_once_never_send_one_event_twice(workspace, clock):
    for number in range(3):
        stage.add(workspace, f"{URL}/{number}", ["update.withdrawn"], by="ada")
    for _ in range(10):
        happens(workspace)
    clock.now = datetime.now(UTC)
    guard, flying, together = threading.Lock(), set(), []
    poster = Poster()

    class Watching:
        def post(self, url, body, headers):
            with guard:
                together.append(url in flying)
                flying.add(url)
            try:
                return poster.post(url, body, headers)
            finally:
                with guard:
                    flying.discard(url)

    threads = [threading.Thread(target=sender(workspace, Watching(), clock).send_due) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sender(workspace, Watching(), clock).send_due()

    told = [(url, headers["webhook-id"]) for url, _body, headers in poster.sent]
    assert len(told) == len(set(told)) == 30
    assert not any(together)  # an endpoint gets one at a time


def test_a_result_that_comes_after_the_lease_counts_for_nothing(workspace, clock, one):
    slow = Poster(503)
    quick = Poster(204)

    def another_takes_over():
        clock.passes(seconds=LEASE.total_seconds() + 1)
        assert [each.taken for each in sender(workspace, quick, clock).send_due()] == [True]

    slow.during = another_takes_over
    sender(workspace, slow, clock).send_due()

    (row,) = delivered(workspace, one)
    assert (row.state, row.last_status) == (DeliveryState.DELIVERED, 204)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(500, id="fault"),
        pytest.param(302, id="redirect"),
        pytest.param(404, id="not-there"),
        pytest.param(NotSent("timeout"), id="no-answer"),
        pytest.param(UsageError("not any more"), id="not-allowed-any-more"),
    ],
)
def test_what_is_not_taken_is_tried_again_later_and_at_last_given_up(workspace, clock, one, answer):
    poster = Poster(answer)
    work = sender(workspace, poster, clock)

    for _ in range(MOST_ATTEMPTS):
        assert len(work.send_due()) == 1
        assert work.send_due() == []
        clock.now = delivered(workspace, one)[0].due

    (row,) = delivered(workspace, one)
    assert (row.state, row.attempts) == (DeliveryState.DEAD, MOST_ATTEMPTS)
    assert len({headers["webhook-id"] for _url, _body, headers in poster.sent}) == 1
    assert work.send_due() == []


def test_waits_grow_fourfold_to_a_day_and_are_shaken():
    longest = [wait_after(number, lambda: 1.0).total_seconds() for number in range(1, 12)]
    shortest = [wait_after(number, lambda: 0.0).total_seconds() for number in range(1, 12)]

    assert longest[:3] == [12.5, 50.0, 200.0]
    assert max(longest) == 1.25 * 86400
    assert all(low < high for low, high in zip(shortest, longest, strict=True))
    assert longest == sorted(longest)


def test_a_dead_letter_is_sent_again_by_hand(workspace, clock, one):
    failing = sender(workspace, Poster(500), clock)
    for _ in range(MOST_ATTEMPTS):
        failing.send_due()
        clock.now = delivered(workspace, one)[0].due
    (dead,) = delivered(workspace, one)
    with workspace.store.transaction() as session:
        webhooks.send_again(session, webhooks.find_delivery(session, one, dead.id), now=clock.now)

    (sent,) = sender(workspace, Poster(), clock).send_due()

    assert (dead.state, sent.taken, sent.delivery) == (DeliveryState.DEAD, True, dead.id)


def test_an_endpoint_that_fails_for_days_is_switched_off_on_record_and_its_events_wait(workspace, clock, one):
    failing = sender(workspace, Poster(500), clock)
    failing.send_due()
    clock.passes(days=DISABLED_AFTER.days, seconds=1)
    failing.send_due()
    happens(workspace)
    nothing = sender(workspace, Poster(), clock).send_due()
    stage.enable(workspace, one, by="ada", now=clock.now)
    clock.passes(days=1)
    waited = sender(workspace, Poster(), clock).send_due()

    with workspace.store.reading() as session:
        leaves = [json.loads(row.leaf) for row in entries.of_subject(session, one)]
    assert [leaf["type"] for leaf in leaves] == ["webhook.added", "webhook.disabled", "webhook.enabled"]
    assert leaves[1]["data"] == {"why": "failing"}
    assert nothing == []
    assert [each.taken for each in waited] == [True, True]


def test_one_success_forgives_what_failed_before(workspace, clock, one):
    happens(workspace)
    work = sender(workspace, Poster(500, 204, 500), clock)
    work.send_due()
    clock.passes(days=DISABLED_AFTER.days + 1)
    work.send_due()

    assert state_of(workspace, one) is EndpointState.ACTIVE


def test_an_endpoint_that_says_it_is_gone_is_believed(workspace, clock, one):
    sender(workspace, Poster(410), clock).send_due()

    (row,) = delivered(workspace, one)
    assert (state_of(workspace, one), row.state) == (EndpointState.DISABLED, DeliveryState.DEAD)


def test_what_waits_for_a_removed_endpoint_is_given_up(workspace, clock, one):
    work = sender(workspace, Poster(), clock)
    work.make()
    stage.remove(workspace, one, by="ada")

    assert work.send_due() == []
    (row,) = delivered(workspace, one)
    assert (row.state, row.last_error) == (DeliveryState.DEAD, "removed")


def test_one_endpoint_that_fails_holds_up_no_other(workspace, clock, one):
    other = stage.add(workspace, URL + "/other", ["update.withdrawn"], by="ada").id
    happens(workspace)
    clock.now = datetime.now(UTC)

    class Split:
        def post(self, url, body, headers):
            if url == URL:
                raise NotSent("timeout")
            return 204

    sender(workspace, Split(), clock).send_due()

    assert {row.state for row in delivered(workspace, other)} == {DeliveryState.DELIVERED}
    assert {row.state for row in delivered(workspace, one)} == {DeliveryState.PENDING}


def test_both_secrets_count_for_a_day_and_the_new_one_alone_after_it(workspace, clock, one):
    stage.new_secret(workspace, one, by="ada", now=clock.now)
    poster = Poster()
    sender(workspace, poster, clock).send_due()
    happens(workspace)
    clock.passes(hours=25)
    sender(workspace, poster, clock).send_due()

    signatures = [len(headers["webhook-signature"].split()) for _url, _body, headers in poster.sent]
    assert signatures == [2, 1]


def test_no_more_than_three_secrets_count_at_once(workspace, clock, one):
    stage.new_secret(workspace, one, by="ada", now=clock.now)
    stage.new_secret(workspace, one, by="ada", now=clock.now)

    with pytest.raises(StateError, match="count already"):
        stage.new_secret(workspace, one, by="ada", now=clock.now)
    stage.new_secret(workspace, one, by="ada", now=clock.now + timedelta(days=2))


def test_deliveries_that_ended_long_ago_are_forgotten_and_not_made_again(workspace, clock, one):
    work = sender(workspace, Poster(), clock)
    work.send_due()
    clock.passes(days=31)
    work.forget()

    assert delivered(workspace, one) == []
    assert work.send_due() == []


def test_a_stranger_makes_no_webhook(workspace):
    with pytest.raises(UsageError):
        stage.add(workspace, URL, ["update.promoted"], by="mallory")


def test_a_reminder_is_sent_to_whoever_wants_it_and_says_no_name(workspace, clock):
    wants = stage.add(workspace, URL, ["approval.reminder"], by="ada").id
    stage.add(workspace, URL, EVERYTHING, by="ada")
    reminder = Reminder(
        kind=ReminderKind.WAITING,
        subject="upd-1",
        update="upd-1",
        model="a name with spaces",
        action="decide",
        given=1,
        required=2,
        since=clock.now,
        expires=clock.now + timedelta(hours=1),
        number=1,
    )
    poster = Poster()

    WebhookNotifier(workspace.store).notify("approval.reminder", reminder)
    clock.passes(seconds=5)
    sent = sender(workspace, poster, clock).send_due()

    assert [(each.endpoint, each.event, each.taken) for each in sent] == [(wants, "approval.reminder", True)]
    ((_url, body, _headers),) = poster.sent
    assert (body["type"], body["data"]["subject"], body["data"]["required"]) == ("approval.reminder", "upd-1", 2)
    assert "name with spaces" not in json.dumps(body)
