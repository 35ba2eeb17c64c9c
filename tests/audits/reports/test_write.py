from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_example import example

from audits.reports import parse_target, render_markdown, write_report
from audits.reports.visible import one_line, visible
from gatekeeper.core.errors import UsageError


def test_a_report_goes_where_it_was_asked_for(tmp_path: Path):
    path = write_report(example(), f"markdown={tmp_path / 'summary.md'}")

    assert path.read_text(encoding="utf-8") == render_markdown(example())


@pytest.mark.parametrize("spec", ["pdf=a.pdf", "html", "html=", "=a", "", "HTML=a.html"])
def test_an_unknown_report_names_the_known_ones(spec):
    with pytest.raises(UsageError, match="html, json, junit, markdown, sarif"):
        parse_target(spec)


def test_a_folder_or_a_missing_one_is_said_before_anything_is_written(tmp_path: Path):
    with pytest.raises(UsageError, match="is a folder"):
        parse_target(f"html={tmp_path}")
    with pytest.raises(UsageError, match="does not exist"):
        parse_target(f"html={tmp_path / 'none' / 'a.html'}")


def test_a_file_name_may_hold_an_equals_sign(tmp_path: Path):
    assert parse_target(f"json={tmp_path / 'a=b.json'}")[1].name == "a=b.json"


@given(st.text(st.characters(), max_size=200))
def test_shown_text_hides_nothing(text):
    import unicodedata

    shown = visible(text)

    hidden = [
        letter for letter in shown if letter not in "\n\t" and unicodedata.category(letter) in {"Cc", "Cf", "Cs"}
    ]
    assert hidden == []
    assert "\n" not in one_line(text)


def test_ordinary_text_is_left_alone():
    assert visible("Grüße, 東京 🙂\n\tок") == "Grüße, 東京 🙂\n\tок"
