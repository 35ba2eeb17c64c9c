"""Findings over REST: who may not see flagged rows is told what was found, and not where or in which words."""

import pytest
from gallery_world import SECRET_ROW, gallery


@pytest.fixture
def found(tmp_path):
    """A gallery, and an update whose private rows were found."""
    world = gallery(tmp_path)
    world.live()
    return world, world.update(private=[(SECRET_ROW, "It names Jane Roe of Springfield.")])


def test_who_decides_sees_the_rows(found):
    world, update = found

    text = world.dana.get(f"/v1/updates/{update}/findings").text

    assert SECRET_ROW in text


def test_who_proposes_is_told_what_was_found_and_nothing_else(found):
    world, update = found
    whole = world.dana.get(f"/v1/updates/{update}/findings").json()["items"]

    answered = world.zelda.get(f"/v1/updates/{update}/findings")

    assert SECRET_ROW not in answered.text
    assert [(each["code"], each["severity"]) for each in answered.json()["items"]] == [
        (each["code"], each["severity"]) for each in whole
    ]
    private = [each for each in answered.json()["items"] if each["gate"] == "data/private"]
    assert private
    assert {(each["subject"], each["message"]) for each in private} == {("", "")}
