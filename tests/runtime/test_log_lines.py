"""Every log line is one JSON object with the ids it is about."""

import json
import logging
import sys

from gatekeeper.runtime.log import JsonLines


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
