"""A leaf is canonical, complete for its type, and holds no name and no text."""

import json
from datetime import UTC, datetime

import pytest

from audits.ledger.events import EVENTS, Event
from audits.ledger.leaf import is_token, label, moment, write_leaf

PERSON = "person:" + "a" * 64
NOW = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
REPORTED = {
    "run": "run-00000000000000aa",
    "gate": "data/pii",
    "version": 1,
    "status": "measured",
    "report_digest": "sha256:" + "1" * 64,
    "findings": {"data/pii/email": 3},
    "metrics": {"pii.rate": {"value": 0.1, "low": -1e-07, "high": float("nan"), "n": 10}},
}


def write(*, type=Event.GATE_REPORTED, actor=PERSON, subject="upd-00000000000000aa", data=None) -> bytes:
    return write_leaf(seq=7, ts=NOW, type=type, actor=actor, subject=subject, data=REPORTED if data is None else data)


def test_a_leaf_is_canonical_json_with_decimals_as_strings():
    leaf = write()

    assert leaf == (
        b'{"actor":"' + PERSON.encode() + b'","data":{"findings":{"data/pii/email":3},"gate":"data/pii",'
        b'"metrics":{"pii.rate":{"high":"nan","low":"-1e-07","n":10,"value":"0.1"}},'
        b'"report_digest":"sha256:' + b"1" * 64 + b'","run":"run-00000000000000aa","status":"measured","version":1},'
        b'"seq":7,"subject":"upd-00000000000000aa","ts":"2030-01-02T03:04:05.678901Z","type":"gate.reported","v":1}'
    )


def test_every_type_says_what_it_records():
    assert set(EVENTS) == set(Event)
    assert all(EVENTS.values())


@pytest.mark.parametrize("type", Event)
def test_every_type_can_be_written_with_nothing_to_say(type):
    leaf = json.loads(write(type=type, data=dict.fromkeys(EVENTS[type])))

    assert set(leaf["data"]) == EVENTS[type]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="missing"),
        pytest.param({**REPORTED, "note": "ok"}, id="extra"),
    ],
)
def test_other_keys_than_the_type_records_are_refused(data):
    with pytest.raises(RuntimeError, match="records exactly"):
        write(data=data)


@pytest.mark.parametrize(
    "actor",
    ["", "anna", "anna@example.org", "person:anna", "person:" + "A" * 64, "service:", "service:Anna B", PERSON + "\n"],
)
def test_an_actor_with_a_name_is_refused(actor):
    with pytest.raises(RuntimeError, match="actor"):
        write(actor=actor)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("two words", id="space"),
        pytest.param("line\nbreak", id="line break"),
        pytest.param("anna@example.org", id="address"),
        pytest.param("/home/anna/model", id="path"),
        pytest.param("C:\\anna", id="windows path"),
        pytest.param("Zoë", id="not ASCII"),
        pytest.param("x" * 200, id="long"),
        pytest.param("https://host/a", id="web address"),
    ],
)
def test_text_is_refused_wherever_it_stands(text):
    assert not is_token(text)
    for data in (
        {**REPORTED, "status": text},
        {**REPORTED, "findings": [text]},
        {**REPORTED, "metrics": {"a": {text: 1}}},
    ):
        with pytest.raises(RuntimeError) as refused:
            write(data=data)
        assert not text or text not in str(refused.value)
    with pytest.raises(RuntimeError):
        write(subject=text)


@pytest.mark.parametrize(
    "text",
    ["sha256:" + "0" * 64, "upd-0123456789abcdef", "data/pii", "-0.05", "1e-07", "nan", "ADMIT", moment(NOW), "7"],
)
def test_ids_digests_numbers_and_moments_may_stand(text):
    assert is_token(text)
    assert label(text) == text


def test_a_name_users_choose_becomes_a_digest_where_it_must():
    assert label("support-bot") == "support-bot"
    assert label("Anna's bot").startswith("sha256:")
    assert is_token(label("Anna's bot"))


def test_data_nested_without_end_are_refused():
    with pytest.raises(RuntimeError, match="deeply"):
        write(data={**REPORTED, "metrics": [[[[[[1]]]]]]})


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(RuntimeError, match="zone"):
        moment(datetime(2030, 1, 1))  # noqa: DTZ001 - the point
