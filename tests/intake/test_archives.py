"""Archives that try to leave their folder, hide something, or grow; each is refused and nothing else is written."""

import gzip
import io
import json
import stat
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.errors import InputError
from gatekeeper.gates.artifact.format import listed
from gatekeeper.intake.archives import ArchiveLimits, unpack

HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
TENSORS = struct.pack("<Q", len(HEADER)) + HEADER + b"\x00" * 4
GOOD = {"adapter_config.json": b'{"peft_type": "LORA"}', "adapter_model.safetensors": TENSORS}
LIMITS = ArchiveLimits(most_files=8, most_bytes=1 << 20, most_ratio=50)


def zipped(path, files, *, change=None, packed=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            info = zipfile.ZipInfo(name)
            info.compress_type = packed
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            if change:
                change(info)
            archive.writestr(info, data)
    return path


def tarred(path, files, *, change=None, mode="w", format=tarfile.PAX_FORMAT):
    with tarfile.open(path, mode, format=format) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if change:
                change(info)
            archive.addfile(info, io.BytesIO(data))
    return path


def taken(archive, packed, tmp_path, limits=LIMITS):
    into = tmp_path / "out"
    return unpack(archive, packed, into, limits=limits, allowed=listed), into


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


MAKERS = [
    pytest.param(zipped, "zip", id="zip"),
    pytest.param(tarred, "tar", id="tar"),
    pytest.param(lambda path, files: tarred(path, files, mode="w:gz"), "tar.gz", id="tar.gz"),
]


@pytest.mark.parametrize(("make", "packed"), MAKERS)
@pytest.mark.parametrize("around", ["", "my-adapter/", "./"])
def test_an_adapter_is_written_as_it_was_packed(tmp_path, make, packed, around):
    archive = make(tmp_path / "a", {f"{around}{name}": data for name, data in GOOD.items()})

    made, into = taken(archive, packed, tmp_path)

    assert files_of(into) == GOOD
    assert (made.files, made.size) == (2, sum(map(len, GOOD.values())))
    assert not (tmp_path / "out.tar").exists()


@pytest.mark.parametrize(("make", "packed"), MAKERS)
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["../config.json"], id="above"),
        pytest.param(["a/../../config.json"], id="winding"),
        pytest.param(["/etc/config.json"], id="absolute"),
        pytest.param(["C:/config.json"], id="drive"),
        pytest.param(["a\\config.json"], id="backslash"),
        pytest.param(["config.json "], id="space-at-the-end"),
        pytest.param(["config.json."], id="dot-at-the-end"),
        pytest.param(["a//config.json"], id="empty-part"),
        pytest.param(["a/./config.json"], id="dot"),
        pytest.param(["a/b/c/d/config.json"], id="deep"),
        pytest.param(["con\x07fig.json"], id="control"),
        pytest.param(["README.md", "readme.md"], id="case"),
        pytest.param(["README.md", "README.md"], id="twice"),
        pytest.param(["README.md", "ＲＥＡＤＭＥ.md"], id="look-alike"),
        pytest.param(["README.md", "README.md/x.md"], id="file-and-folder"),
        pytest.param(["x" * 500 + ".md"], id="long"),
        pytest.param(["cafe\u0301.md"], id="not-normal"),
        pytest.param(["setup.py"], id="program"),
        pytest.param(["pytorch_model.bin"], id="pickle-by-name"),
        pytest.param(["inner.zip"], id="archive-in-the-archive"),
        pytest.param(["weights.dat2"], id="unknown"),
        pytest.param([".hidden"], id="hidden"),
        pytest.param([], id="nothing"),
        pytest.param([f"n{number}.md" for number in range(9)], id="many"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_strange_names_are_refused_and_nothing_is_written(tmp_path, make, packed, names):
    archive = make(tmp_path / "a", [(name, b"text") for name in names])

    with pytest.raises(InputError):
        taken(archive, packed, tmp_path)

    assert not (tmp_path / "out").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@pytest.mark.parametrize(("make", "packed"), MAKERS)
@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("README.md", b"\x7fELF....", id="program"),
        pytest.param("tokenizer.model", b"\x80\x04\x95", id="pickle"),
        pytest.param("README.md", zipfile.ZipFile, id="zip"),
        pytest.param("README.md", gzip.compress(b"x"), id="gzip"),
        pytest.param("model.safetensors", b"no tensors", id="no-tensors"),
        pytest.param("model.safetensors", TENSORS + b"x", id="hidden-after-the-tensors"),
    ],
)
def test_what_a_file_is_by_its_bytes_counts(tmp_path, make, packed, name, data):
    if data is zipfile.ZipFile:
        inner = io.BytesIO()
        zipped(inner, {"a": b"b"})
        data = b"text before\n" + inner.getvalue()

    with pytest.raises(InputError):
        taken(make(tmp_path / "a", {name: data}), packed, tmp_path)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_a_tar_holds_plain_files_alone(tmp_path, kind):
    def change(info):
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    with pytest.raises(InputError):
        taken(tarred(tmp_path / "a", {"README.md": b""}, change=change), "tar", tmp_path)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
def test_a_zip_holds_plain_files_alone(tmp_path, mode):
    def change(info):
        info.external_attr = (mode | 0o777) << 16

    with pytest.raises(InputError):
        taken(zipped(tmp_path / "a", {"README.md": b"/etc/passwd"}, change=change), "zip", tmp_path)


@pytest.mark.parametrize(("make", "packed"), [MAKERS[0], MAKERS[2]])
def test_a_bomb_is_refused_before_it_is_written(tmp_path, make, packed):
    archive = make(tmp_path / "a", {"README.md": b"\x00" * (9 << 20)})
    limits = ArchiveLimits(most_files=8, most_bytes=64 << 20, most_ratio=50)

    with pytest.raises(InputError, match="far more"):
        taken(archive, packed, tmp_path, limits)

    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@pytest.mark.parametrize(("make", "packed"), MAKERS)
def test_too_much_together_is_refused(tmp_path, make, packed):
    noise = bytes(range(256)) * 2500

    with pytest.raises(InputError):
        taken(make(tmp_path / "a", {"README.md": noise, "NOTICE": noise}), packed, tmp_path)

    assert not (tmp_path / "out").exists()


def test_zip_entries_that_overlap_are_refused(tmp_path):
    archive = zipped(tmp_path / "a", {"README.md": b"x" * 100, "NOTICE": b"x" * 100}, packed=zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 0)  # the second entry begins where the first does
    archive.write_bytes(data)

    with pytest.raises(InputError):
        taken(archive, "zip", tmp_path)


@pytest.mark.parametrize("before", [b"#!/bin/sh\n", b"MZ\x90"])
def test_a_zip_that_is_something_else_as_well_is_refused(tmp_path, before):
    archive = zipped(tmp_path / "a", GOOD)
    archive.write_bytes(before + archive.read_bytes())

    with pytest.raises(InputError):
        taken(archive, "zip", tmp_path)


def test_a_zip_that_lies_about_a_length_is_refused(tmp_path):
    archive = zipped(tmp_path / "a", {"README.md": b"x" * 1000}, packed=zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    archive.write_bytes(data)

    with pytest.raises(InputError):
        taken(archive, "zip", tmp_path)


@pytest.mark.parametrize("flag", [0x1, 0x40])
def test_an_encrypted_entry_is_refused(tmp_path, flag):
    archive = zipped(tmp_path / "a", {"README.md": b"x"})
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= flag
    archive.write_bytes(data)

    with pytest.raises(InputError):
        taken(archive, "zip", tmp_path)


def test_a_tar_whose_header_asks_for_memory_is_refused(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    (tmp_path / "a").write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + b"\x00" * 1024)

    with pytest.raises(InputError):
        taken(tmp_path / "a", "tar", tmp_path)


def test_a_tar_that_ends_early_is_refused(tmp_path):
    archive = tarred(tmp_path / "a", {"README.md": b"x" * 4000})
    archive.write_bytes(archive.read_bytes()[:2000])

    with pytest.raises(InputError):
        taken(archive, "tar", tmp_path)


@given(data=st.binary(max_size=400), packed=st.sampled_from(["zip", "tar", "tar.gz"]))
def test_anything_else_is_refused_as_what_it_is_not(tmp_path_factory, data, packed):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "a").write_bytes(data)

    with pytest.raises(InputError):
        taken(folder / "a", packed, folder)


@given(
    cut=st.integers(0, 600), flip=st.integers(0, 600), bit=st.integers(0, 7), packed=st.sampled_from(["zip", "tar"])
)
def test_a_changed_archive_gives_its_listed_files_or_nothing(tmp_path_factory, cut, flip, bit, packed):
    folder = tmp_path_factory.mktemp("changed")
    archive = (zipped if packed == "zip" else tarred)(folder / "a", GOOD)
    data = bytearray(archive.read_bytes())
    data[flip % len(data)] ^= 1 << bit
    archive.write_bytes(data[: len(data) - cut] if cut < len(data) // 2 else data)

    try:
        _made, into = taken(archive, packed, folder)
    except InputError:
        return
    assert {path.name for path in folder.iterdir()} == {"a", "out"}
    assert all(listed(name) for name in files_of(into))
