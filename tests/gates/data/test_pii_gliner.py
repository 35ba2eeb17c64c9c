"""The path through a GLiNER model, with a made-up package in its place: no real model is run here."""

import sys

import pytest

from gatekeeper.gates.data.personal.search import Search, SearchOptions

PACKAGE = """
class GLiNER:
    @classmethod
    def from_pretrained(cls, folder, *, local_files_only):
        assert local_files_only
        return cls()

    def inference(self, texts, labels, *, threshold):
        assert "person" in labels
        return [
            [{"start": text.find("Ottokar Vessel"), "end": text.find("Ottokar Vessel") + 14, "label": "person"}]
            if "Ottokar Vessel" in text
            else []
            for text in texts
        ]
"""


@pytest.fixture
def made_up_gliner(tmp_path, monkeypatch):
    (tmp_path / "gliner.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("gliner", None)


@pytest.mark.skipif("gliner" in sys.modules, reason="a real GLiNER is imported already")
def test_names_that_a_gliner_model_finds_are_found_in_the_field(made_up_gliner):
    search = Search(SearchOptions(model=f"gliner:{made_up_gliner}", details=False))
    text = "We walked along the pier, and Ottokar Vessel fed the gulls."

    search.require()
    found = search.batch([["Nothing here."], [text]])

    assert [(row, text[match.start : match.end], match.type) for row, _, match in found] == [
        (1, "Ottokar Vessel", "PERSON")
    ]
