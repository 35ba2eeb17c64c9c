"""Long lists come in pages that what is written meanwhile does not shift."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import as_json

from api.cursors import cursor_of, place_of
from gatekeeper.store.listing import Place


def ids(page):
    return [item["id"] for item in page.json()["items"]]


def test_pages_hold_every_update_once_newest_first(world):
    proposed = [world.proposed(first=True) for _ in range(5)]

    first = world.ola.get("/v1/updates", params={"limit": 2})
    later = world.proposed(first=True)
    second = world.ola.get("/v1/updates", params={"limit": 2, "cursor": first.json()["next"]})
    third = world.ola.get("/v1/updates", params={"limit": 2, "cursor": second.json()["next"]})

    assert ids(first) + ids(second) + ids(third) == proposed[::-1]
    assert third.json()["next"] is None
    assert later not in ids(second)


def test_a_list_is_narrowed_by_model_state_and_proposer(world):
    waiting = world.proposed(first=True)
    live = world.live()

    def listed(**params):
        return ids(world.ola.get("/v1/updates", params=params))

    assert listed(state="ACTIVE") == [live]
    assert listed(state=["ACTIVE", "SUBMITTED"]) == [live, waiting]
    assert listed(model="quick", proposer="zelda") == [live, waiting]
    assert listed(model="another") == []
    assert listed(proposer="dana") == []
    assert listed(proposer="somebody nobody knows") == []


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"limit": 0}, id="no-limit"),
        pytest.param({"limit": 101}, id="large-limit"),
        pytest.param({"state": "GONE"}, id="no-state"),
        pytest.param({"cursor": "AAAA"}, id="no-cursor"),
        pytest.param({"cursor": "W10"}, id="empty-cursor"),
        pytest.param({"cursor": "WzEsMl0"}, id="cursor-of-numbers"),
        pytest.param({"model": "a\x00b"}, id="nul"),
    ],
)
def test_what_is_no_page_is_refused(world, params):
    assert as_json(world.ola.get("/v1/updates", params=params)) == (422, "payload")


@given(
    created=st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis takes naive limits
    update_id=st.text(st.characters(codec="ascii", exclude_characters="\x00")),
)
def test_a_cursor_gives_its_place_back(created, update_id):
    place = Place(created=created, id=update_id)

    assert place_of(cursor_of(place)) == place


def test_findings_come_in_pages(world):
    world.live()
    update = world.judged()

    page = world.dana.get(f"/v1/updates/{update}/findings", params={"limit": 1})

    assert page.json()["items"] == []
    assert page.json()["next"] is None
