"""MLflow's webhooks, verified against the code that MLflow signs them with."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.errors import InputError, VerificationError
from gatekeeper.registry.notice import DELIVERY, EVENTS, SIGNATURE, TIMESTAMP, verified

SECRET = "5e" * 32
WINDOW = timedelta(minutes=5)
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SENT = str(int(NOW.timestamp()))
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def body_of(entity="model_version", action="created", **data):
    return json.dumps({"entity": entity, "action": action, "timestamp": "x", "data": {"name": "helper", **data}})


def signed(body, *, secret=SECRET, delivery=ID, sent=SENT):
    mac = hmac.new(secret.encode(), f"{delivery}.{sent}.{body}".encode(), hashlib.sha256).digest()
    return {DELIVERY: delivery, TIMESTAMP: sent, SIGNATURE: "v1," + base64.b64encode(mac).decode()}


def check(headers, body, **more):
    return verified(SECRET, headers, body.encode(), window=WINDOW, now=NOW, **more)


def test_what_mlflow_signs_is_taken():
    from mlflow.webhooks.delivery import _generate_hmac_signature

    body = body_of()
    headers = {DELIVERY: ID, TIMESTAMP: SENT, SIGNATURE: _generate_hmac_signature(SECRET, ID, SENT, body)}
    notice = check(headers, body)

    assert (notice.event, notice.model, notice.delivery, notice.about_alias) == (EVENTS[0], "helper", ID, False)


def test_our_names_of_headers_are_mlflows():
    from mlflow.webhooks import constants

    theirs = (
        constants.WEBHOOK_SIGNATURE_HEADER,
        constants.WEBHOOK_TIMESTAMP_HEADER,
        constants.WEBHOOK_DELIVERY_ID_HEADER,
    )
    assert tuple(name.lower() for name in theirs) == (SIGNATURE, TIMESTAMP, DELIVERY)


def test_what_mlflow_is_asked_to_say_it_can_say():
    from mlflow.entities.webhook import WebhookEvent

    assert [str(WebhookEvent.from_str(event)) for event in EVENTS] == list(EVENTS)


def test_an_alias_is_told_from_a_version():
    body = body_of("model_version_alias", "deleted")

    assert check(signed(body), body).about_alias


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda headers: headers.pop(SIGNATURE), id="no-signature"),
        pytest.param(lambda headers: headers.pop(TIMESTAMP), id="no-time"),
        pytest.param(lambda headers: headers.pop(DELIVERY), id="no-id"),
        pytest.param(lambda headers: headers.update({SIGNATURE: ""}), id="empty"),
        pytest.param(lambda headers: headers.update({SIGNATURE: headers[SIGNATURE][3:]}), id="no-version"),
        pytest.param(lambda headers: headers.update({SIGNATURE: "v0" + headers[SIGNATURE][2:]}), id="version-0"),
        pytest.param(lambda headers: headers.update({SIGNATURE: "v1,"}), id="nothing-after-the-version"),
        pytest.param(lambda headers: headers.update({SIGNATURE: "v1,ä"}), id="letters"),
        pytest.param(lambda headers: headers.update({SIGNATURE: headers[SIGNATURE][:-5]}), id="cut"),
        pytest.param(lambda headers: headers.update({SIGNATURE: headers[SIGNATURE].lower()}), id="lower-case"),
        pytest.param(lambda headers: headers.update({DELIVERY: ID[:-1] + "f"}), id="another-id"),
        pytest.param(lambda headers: headers.update({TIMESTAMP: str(int(SENT) + 1)}), id="another-time"),
        pytest.param(lambda headers: headers.update({TIMESTAMP: SENT + ".0"}), id="a-fraction"),
        pytest.param(lambda headers: headers.update({TIMESTAMP: "٣" * 10}), id="other-digits"),
        pytest.param(lambda headers: headers.update({DELIVERY: "x" * 200}), id="a-long-id"),
        pytest.param(
            lambda headers: headers.update({SIGNATURE: " ".join(["v1,AAAA"] * 9 + [headers[SIGNATURE]])}),
            id="behind-many-others",
        ),
    ],
)
def test_what_is_not_signed_like_this_is_refused(change):
    body = body_of()
    headers = signed(body)
    change(headers)

    with pytest.raises(VerificationError, match="no signature"):
        check(headers, body)


@pytest.mark.parametrize(
    ("secret", "body"),
    [
        pytest.param("another", body_of(), id="another-secret"),
        pytest.param("", body_of(), id="the-empty-secret"),
    ],
)
def test_another_secret_does_not_count(secret, body):
    with pytest.raises(VerificationError):
        check(signed(body, secret=secret), body)


def test_without_a_secret_of_ours_nothing_counts():
    body = body_of()

    with pytest.raises(VerificationError):
        verified("", signed(body, secret=""), body.encode(), window=WINDOW, now=NOW)


def test_the_raw_body_counts_and_not_what_it_means():
    body = body_of()
    spaced = body.replace(":", " :")

    assert json.loads(spaced) == json.loads(body)
    with pytest.raises(VerificationError):
        check(signed(body), spaced)


def test_parts_cannot_be_moved_over_the_dots():
    # id "abcdefgh" + time "1" and body "2.x" would sign the same text as time "1.2" and body "x"
    body = body_of()
    headers = signed(body, delivery=ID, sent=f"1.{SENT}")

    with pytest.raises(VerificationError):
        check(headers, body)


@pytest.mark.parametrize("off", [-301, 301, -86400, 86400])
def test_what_was_sent_at_another_time_is_refused(off):
    body = body_of()

    with pytest.raises(VerificationError, match="another time"):
        check(signed(body, sent=str(int(SENT) + off)), body)


@pytest.mark.parametrize("off", [-299, 0, 299])
def test_clocks_may_differ_a_little(off):
    body = body_of()

    assert check(signed(body, sent=str(int(SENT) + off)), body).model == "helper"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a-list"),
        pytest.param("null", id="null"),
        pytest.param("{", id="no-json"),
        pytest.param("[" * 60_000, id="deep"),
        pytest.param('{"entity": "a", "action": "b"}', id="no-data"),
        pytest.param('{"entity": "a", "action": "b", "data": {}}', id="no-name"),
        pytest.param('{"entity": "a", "action": "b", "data": {"name": 7}}', id="a-number-for-a-name"),
        pytest.param('{"entity": ["a"], "action": "b", "data": {"name": "x"}}', id="a-list-for-an-entity"),
        pytest.param('{"entity": "A B", "action": "b", "data": {"name": "x"}}', id="no-word"),
        pytest.param(body_of(name=""), id="an-empty-name"),
        pytest.param(body_of(name="x" * 257), id="a-long-name"),
        pytest.param(body_of(name="a\x00b"), id="a-nul"),
    ],
)
def test_what_is_signed_and_says_nothing_is_bad_input(body):
    with pytest.raises(InputError):
        check(signed(body), body)


@given(st.binary(max_size=200), st.text(max_size=80), st.text(max_size=20), st.text(max_size=60))
def test_nothing_that_a_stranger_sends_is_more_than_refused(body, delivery, sent, signature):
    with pytest.raises((VerificationError, InputError)):
        verified(SECRET, {DELIVERY: delivery, TIMESTAMP: sent, SIGNATURE: signature}, body, window=WINDOW, now=NOW)
