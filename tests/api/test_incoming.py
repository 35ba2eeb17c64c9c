"""Proposers name registered versions, or plain files below one folder; nothing else on the machine."""

import pytest
from service_world import World, as_json


def proposed(world, artifact, **more):
    return world.zelda.post(
        "/v1/updates", {"model": "quick", "name": "x", "artifact": artifact, "first": True, **more}
    )


@pytest.mark.parametrize(
    "named",
    [
        pytest.param("incoming:../evidence", id="above"),
        pytest.param("incoming:/etc", id="absolute"),
        pytest.param("incoming:a/../../..", id="winding"),
        pytest.param("incoming:nothing", id="missing"),
        pytest.param("incoming:linked", id="link"),
        pytest.param("incoming:holds-a-link", id="holds-a-link"),
        pytest.param("incoming:" + "a" * 990, id="long"),
        pytest.param("incoming:.", id="everything"),
    ],
)
def test_what_is_no_plain_folder_below_the_incoming_one_is_refused(world, named):
    outside = world.root / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (world.incoming / "linked").symlink_to(outside)
    (world.incoming / "holds-a-link").mkdir()
    (world.incoming / "holds-a-link" / "model.safetensors").symlink_to(outside / "secret")

    answered = proposed(world, named)

    assert as_json(answered) == (422, "payload")
    assert not any(world.workspace.intake_dir.glob("*/*"))


def test_without_an_incoming_folder_only_registered_versions_count(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy)
    folder = world.folder()
    closed = World(workspace, tmp_path, policy, incoming=None)

    assert as_json(proposed(closed, f"incoming:{folder.name}")) == (422, "payload")


@pytest.mark.parametrize(
    "named",
    [
        pytest.param("models:/quick/7", id="no-version"),
        pytest.param("models:/quick@champion", id="an-alias"),
        pytest.param("models:/quick/1/2", id="too-long"),
        pytest.param("runs:/abc/model", id="another-scheme"),
        pytest.param("file:///etc", id="a-file"),
        pytest.param("http://169.254.169.254/latest", id="an-address"),
    ],
)
def test_what_is_no_registered_version_is_refused(world, named):
    world.live()

    assert as_json(proposed(world, named)) == (422, "payload")


def test_rows_are_taken_from_the_incoming_folder(world):
    (world.incoming / "rows.jsonl").write_text('{"prompt": "2+2?", "response": "4"}\n')

    answered = proposed(world, f"incoming:{world.folder().name}", data="incoming:rows.jsonl")

    assert answered.status_code == 201
    assert answered.json()["data_digest"].startswith("sha256:")


def test_a_first_champion_is_proposed_once(world):
    world.live()

    assert as_json(proposed(world, f"incoming:{world.folder().name}")) == (409, "state")
