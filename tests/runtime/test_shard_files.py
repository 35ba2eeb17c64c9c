"""Parts of a gate as files: found as they were kept, and not at all when anything about them changed."""

import pytest

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import InputError
from gatekeeper.core.shards import NothingKept
from gatekeeper.runtime.messages import KeptShard, read_said, write_shard
from gatekeeper.runtime.shards import FolderShards


@pytest.fixture
def told():
    return []


@pytest.fixture
def shards(tmp_path, told):
    made = FolderShards(told.append)
    made.turn_to(tmp_path / "parts", {})
    return made


def again(tmp_path, told):
    """Return the shards as the next process knows them."""
    made = FolderShards(told.append)
    made.turn_to(tmp_path / "parts", {each.name: each.digest for each in told})
    return made


def test_a_part_is_found_by_the_next_process(tmp_path, told, shards):
    shards.keep("part 1", b"\x00body", says="one of two")

    assert [(each.digest, each.says) for each in told] == [(sha256_bytes(b"\x00body"), "one of two")]
    assert (shards.find("part 1"), again(tmp_path, told).find("part 1")) == (b"\x00body", b"\x00body")
    assert again(tmp_path, told).find("part 2") is None


def test_a_part_that_nobody_wrote_down_is_not_found(tmp_path, told, shards):
    shards.keep("part 1", b"body")
    told.clear()

    assert again(tmp_path, told).find("part 1") is None


@pytest.mark.parametrize("change", [b"", b"other", b"body "])
def test_a_part_that_was_changed_is_not_found(tmp_path, told, shards, change):
    shards.keep("part 1", b"body")
    (file,) = (tmp_path / "parts").iterdir()
    file.write_bytes(change)

    assert again(tmp_path, told).find("part 1") is None


def test_a_part_that_is_gone_is_not_found(tmp_path, told, shards):
    shards.keep("part 1", b"body")
    (file,) = (tmp_path / "parts").iterdir()
    file.unlink()

    assert again(tmp_path, told).find("part 1") is None


def test_a_part_of_one_gate_is_none_of_another(tmp_path, told, shards):
    shards.keep("part 1", b"body")
    shards.turn_to(tmp_path / "others", {})

    assert shards.find("part 1") is None


def test_a_name_leads_nowhere_else(tmp_path, told, shards):
    shards.keep("../../outside", b"body")

    assert [path.parent.name for path in tmp_path.rglob("*") if path.is_file()] == ["parts"]


def test_where_there_is_no_room_nothing_is_kept(tmp_path, told):
    (tmp_path / "parts").write_text("a file where the folder should be")
    made = FolderShards(told.append)
    made.turn_to(tmp_path / "parts", {})

    made.keep("part 1", b"body")

    assert (told, made.find("part 1")) == ([], None)


def test_without_a_runtime_nothing_is_kept():
    NothingKept().keep("part 1", b"body")

    assert NothingKept().find("part 1") is None


SHARD = KeptShard(name="a" * 64, digest=sha256_bytes(b""), says="é, 3 of 4")


def test_what_is_said_of_a_part_comes_back_as_it_was():
    assert read_said(write_shard(SHARD)) == SHARD


@pytest.mark.parametrize(
    "said",
    [
        b'{"shard": null}',
        b'{"shard": {"name": "../x", "digest": "sha256:%s", "says": ""}}' % (b"0" * 64),
        b'{"shard": {"name": "%s", "digest": "md5:0", "says": ""}}' % (b"a" * 64),
        b'{"shard": {"name": "%s", "digest": "sha256:%s", "says": 7}}' % (b"a" * 64, b"0" * 64),
        b'{"shard": {"name": "%s", "digest": "sha256:%s", "says": "%s"}}' % (b"a" * 64, b"0" * 64, b"x" * 101),
        b'{"shard": {"name": ["%s"], "digest": "sha256:%s", "says": ""}}' % (b"a" * 64, b"0" * 64),
    ],
)
def test_anything_else_is_said_in_vain(said):
    with pytest.raises(InputError):
        read_said(said)
