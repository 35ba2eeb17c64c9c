"""A fingerprint changes with every name, size and time of a folder's files, and with nothing else."""

import os

import pytest

from gatekeeper.intake.stored_files import StoredFile, fingerprint, look_at


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model" / "nested").mkdir(parents=True)
    (tmp_path / "model" / "weights").write_bytes(b"weights")
    (tmp_path / "model" / "nested" / "tokenizer").write_bytes(b"[]")
    return tmp_path / "model"


def rewrite_in_place(folder):
    told = (folder / "weights").stat()
    clock = folder.parent / "clock"
    clock.touch()
    while clock.stat().st_ctime_ns == told.st_ctime_ns:  # a file system's clock ticks every few milliseconds
        clock.touch()
    (folder / "weights").write_bytes(b"weightz")
    os.utime(folder / "weights", ns=(told.st_atime_ns, told.st_mtime_ns))


CHANGES = {
    "a byte more": lambda folder: (folder / "weights").write_bytes(b"weights!"),
    "a time": lambda folder: os.utime(folder / "weights", ns=(1, 1)),
    "a byte, with size and time set back": rewrite_in_place,
    "a name": lambda folder: (folder / "weights").rename(folder / "weightz"),
    "a file more": lambda folder: (folder / "nested" / "more").write_bytes(b""),
    "a file less": lambda folder: (folder / "nested" / "tokenizer").unlink(),
    "a copy in its place": lambda folder: (
        (folder / "copy").write_bytes(b"weights"),
        (folder / "copy").replace(folder / "weights"),
    ),
}


def test_every_file_is_told_by_its_path_and_size(folder):
    assert [(file.path, file.size) for file in look_at(folder)] == [("nested/tokenizer", 2), ("weights", 7)]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in CHANGES.items()])
def test_the_fingerprint_changes_with(folder, change):
    before = fingerprint(look_at(folder))
    assert fingerprint(look_at(folder)) == before

    change(folder)

    assert fingerprint(look_at(folder)) != before


def test_reading_changes_nothing(folder):
    before = fingerprint(look_at(folder))

    (folder / "weights").read_bytes()

    assert fingerprint(look_at(folder)) == before


def test_the_order_of_a_listing_makes_no_difference():
    files = [StoredFile(path=name, size=None) for name in ("b", "a")]

    assert fingerprint(files) == fingerprint(reversed(files))


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert look_at(tmp_path / "nowhere") == ()


def test_a_link_that_leads_nowhere_is_told_too(folder):
    (folder / "link").symlink_to(folder / "nowhere")

    assert "link" in [file.path for file in look_at(folder)]
