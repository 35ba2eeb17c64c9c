import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import InputError, UsageError
from gatekeeper.intake.manifest import artifact_manifest, base_manifest, hash_tree


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_every_file_is_listed_hidden_and_unexpected_ones_too(tmp_path):
    files = {"b.safetensors": b"b", ".git/HEAD": b"ref", "a/z.pkl": b"\x80\x04.", ".DS_Store": b""}

    entries = hash_tree(_write(tmp_path, files))

    assert [(entry.path, entry.size, entry.sha256) for entry in entries] == [
        (name, len(files[name]), sha256_bytes(files[name])) for name in sorted(files)
    ]


@settings(max_examples=25, deadline=None)
@given(files=st.dictionaries(st.text("abcXYZ.é", min_size=1, max_size=5).map("f{}".format), st.binary(), min_size=1))
def test_the_digest_does_not_depend_on_the_order_of_writing(tmp_path_factory, files):
    one = _write(tmp_path_factory.mktemp("one"), files)
    other = _write(tmp_path_factory.mktemp("other"), dict(reversed(list(files.items()))))

    assert base_manifest(one).digest == base_manifest(other).digest


def test_one_changed_byte_changes_the_digest(tmp_path):
    before = base_manifest(_write(tmp_path, {"w": b"\x00" * 10})).digest

    _write(tmp_path, {"w": b"\x00" * 9 + b"\x01"})

    assert base_manifest(tmp_path).digest != before


def test_an_adapter_is_bound_to_its_base(tmp_path):
    own, base = _write(tmp_path / "own", {"a": b"1"}), _write(tmp_path / "base", {"w": b"22", "c": b"333"})

    manifest = artifact_manifest(own, base_manifest(base))

    [entry] = [entry for entry in manifest.entries if entry.path == "base"]
    assert (entry.size, entry.sha256) == (5, base_manifest(base).digest)


def test_a_changed_base_is_another_update(tmp_path):
    own, base = _write(tmp_path / "own", {"a": b"1"}), _write(tmp_path / "base", {"w": b"22"})
    before = artifact_manifest(own, base_manifest(base)).digest

    _write(base, {"w": b"23"})

    assert artifact_manifest(own, base_manifest(base)).digest != before


def test_a_file_cannot_pose_as_the_base(tmp_path):
    with pytest.raises(InputError, match="called 'base'"):
        artifact_manifest(_write(tmp_path, {"base": b"x", "a": b"y"}), None)


def test_a_link_inside_the_folder_is_hashed_as_what_it_leads_to(tmp_path):
    _write(tmp_path, {"real": b"bytes"})
    (tmp_path / "alias").symlink_to("real")

    assert {entry.path: entry.sha256 for entry in hash_tree(tmp_path)} == dict.fromkeys(
        ("alias", "real"), sha256_bytes(b"bytes")
    )


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("../outside", id="a file outside"),
        pytest.param("/etc/hostname", id="an absolute path"),
        pytest.param("nowhere", id="nothing"),
        pytest.param("loop", id="itself"),
        pytest.param("sub", id="a folder"),
        pytest.param("..", id="its parent"),
    ],
)
def test_a_link_that_cannot_be_pinned_ends_the_intake(tmp_path, target):
    _write(tmp_path, {"outside": b"secret", "own/sub/file": b"x"})
    (tmp_path / "own" / "loop").symlink_to(target)

    with pytest.raises(InputError, match="loop"):
        hash_tree(tmp_path / "own")


def test_a_pipe_ends_the_intake_without_being_opened(tmp_path):
    os.mkfifo(_write(tmp_path, {"a": b"x"}) / "pipe")

    with pytest.raises(InputError, match="a pipe"):
        hash_tree(tmp_path)


@pytest.mark.enable_socket
def test_a_socket_ends_the_intake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")

        with pytest.raises(InputError, match="a socket"):
            hash_tree(tmp_path)


def test_a_file_name_that_is_not_utf8_ends_the_intake(tmp_path):
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))).write_bytes(b"x")

    with pytest.raises(InputError, match="not UTF-8"):
        hash_tree(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_a_folder_that_is_none_is_a_usage_error_with_a_hint(tmp_path, kind):
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    if kind == "file":
        path.write_text("x")

    with pytest.raises(UsageError) as caught:
        hash_tree(path)

    assert caught.value.hint
