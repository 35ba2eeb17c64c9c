"""Every log line is one JSON object with the ids it is about."""

import contextvars
import json
import logging
import sys

import pytest

from gatekeeper.core.spans import watched_by
from gatekeeper.runtime.log import JsonLines, TextLines, known_id, note, noting


def line(**extra):
    record = logging.LogRecord("gatekeeper.runtime", logging.INFO, "x.py", 1, "took %s", ("a run",), None)
    record.__dict__.update(extra)
    return JsonLines().format(record)


def test_a_line_holds_its_ids():
    read = json.loads(line(run="run-1", update="upd-1", gate=None))

    assert (read["says"], read["level"], read["run"], read["update"]) == ("took a run", "info", "run-1", "upd-1")
    assert "gate" not in read


def test_a_traceback_stays_in_its_line():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        text = line(exc_info=sys.exc_info())

    assert "\n" not in text
    assert "ValueError" in json.loads(text)["traceback"]


def test_what_was_noted_is_in_every_line_until_the_end():
    with noting():
        note(request="r-1", token=None)
        note(token="tok-0123456789abcdef")
        inside = json.loads(line())
    outside = json.loads(line())

    assert (inside["request"], inside["token"]) == ("r-1", "tok-0123456789abcdef")
    assert "request" not in outside


def test_notes_reach_lines_of_other_threads_of_the_same_request():
    with noting():
        context = contextvars.copy_context()
        note(run="run-0123456789abcdef")

        assert json.loads(context.run(line))["run"] == "run-0123456789abcdef"


def test_a_note_outside_of_everything_is_nothing():
    note(request="r-1")

    assert "request" not in json.loads(line())


def test_a_line_says_where_it_stands_in_a_trace():
    class Traces:
        def begun(self, name, facts, *, parent, links):
            return None

        def here(self):
            return "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    with watched_by(Traces()):
        read = json.loads(line())

    assert (read["trace_id"], read["span_id"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        pytest.param("upd-0123456789abcdef", True, id="an-id"),
        pytest.param("upd-0123456789abcdef\n{}", False, id="another-line"),
        pytest.param("zelda", False, id="a-name"),
        pytest.param(7, False, id="no-text"),
        pytest.param("upd-" + "0" * 65, False, id="long"),
    ],
)
def test_only_ids_of_ours_are_noted(text, known):
    assert known_id(text) == (text if known else None)


def test_text_lines_cannot_be_forged():
    record = logging.LogRecord("gatekeeper.api", logging.WARNING, "x.py", 1, "a\nfake line\x1b[31m", (), None)
    record.run = "run-1\nmore"

    text = TextLines().format(record)

    assert text.count("\n") == 0
    assert "\x1b" not in text
    assert "warning a\\nfake line\\x1b[31m run=run-1\\nmore" in text
