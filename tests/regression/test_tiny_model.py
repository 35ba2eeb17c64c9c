"""The tiny world is built once per folder, and its training rows and files are what the gates expect of an update."""

import json

import pytest
from tiny_model import build_tiny_world


def test_a_finished_world_is_returned_as_it_is(tiny_world):
    before = {path: path.stat().st_mtime_ns for path in tiny_world.base.parent.rglob("*")}

    again = build_tiny_world(tiny_world.base.parent)

    assert again == tiny_world
    assert before == {path: path.stat().st_mtime_ns for path in tiny_world.base.parent.rglob("*")}


@pytest.mark.parametrize("name", ["champion", "benign", "forgetful", "misaligned"])
def test_every_update_has_rows_with_ids_and_loads_as_safetensors(tiny_world, name):
    rows = [json.loads(line) for line in tiny_world.rows[name].read_text().splitlines()]
    folder = getattr(tiny_world, name)

    assert len({row["id"] for row in rows}) == len(rows) >= 12
    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}


@pytest.mark.parametrize("name", ["knowledge", "harmful", "harmless", "instructions", "prose"])
def test_every_suite_has_sixty_items_in_at_least_ten_clusters(suites, name):
    items = suites[name].items

    assert len(items) == 60
    assert len({item.cluster for item in items}) >= 10
