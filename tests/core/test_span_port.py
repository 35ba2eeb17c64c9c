"""A span tells whoever watches, costs nothing where nobody does, and never changes what it is around."""

import pytest

from gatekeeper.core import spans
from gatekeeper.core.spans import during, here, span, watched_by
from gatekeeper.core.traceparent import TraceParent

PLACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Listener:
    def __init__(self, *, place=None, fails=False):
        self.said, self.place, self.fails = [], place, fails

    def begun(self, name, facts, *, parent, links):
        if self.fails:
            raise RuntimeError("a watcher's own fault")
        self.said.append(("begun", name, dict(facts), parent, tuple(links)))
        return self

    def told(self, facts):
        self.said.append(("told", dict(facts)))

    def ended(self, error):
        self.said.append(("ended", type(error).__name__ if error else None))

    def here(self):
        return self.place


def test_a_watcher_sees_beginning_facts_and_end():
    listener = Listener()

    with watched_by(listener), span("gate", parent=PLACE, links=(PLACE,), gate="data/pii") as seen:
        seen.tell(status="measured")

    assert listener.said == [
        ("begun", "gate", {"gate": "data/pii"}, PLACE, (PLACE,)),
        ("told", {"status": "measured"}),
        ("ended", None),
    ]


def test_an_error_passes_through_and_is_told():
    listener = Listener()

    with pytest.raises(ValueError, match="ours"), watched_by(listener), span("judge"):
        raise ValueError("ours")

    assert listener.said[-1] == ("ended", "ValueError")


def test_nobody_watches_by_default_and_afterwards():
    listener = Listener(place=PLACE)
    with watched_by(listener):
        assert here() == PLACE

    with span("gate", gate="x") as seen:
        seen.tell(more=1)

    assert (listener.said, here()) == ([], None)
    assert span("a") is span("b")


def test_what_a_watcher_raises_is_lost(caplog):
    listener = Listener()

    with watched_by(Listener(fails=True)), watched_by(listener), span("gate"):
        pass

    assert [each[0] for each in listener.said] == ["begun", "ended"]
    assert "a watcher failed" in caplog.text
    assert spans._watchers == ()


def test_a_function_can_be_a_span():
    listener = Listener()

    @during("registry", call="reach")
    def reach(value, *, more):
        return value + more

    with watched_by(listener):
        assert reach(1, more=2) == 3
    assert reach(1, more=2) == 3

    assert listener.said == [("begun", "registry", {"call": "reach"}, None, ()), ("ended", None)]


def test_a_traceparent_is_what_was_written():
    read = TraceParent.read(PLACE)

    assert read == TraceParent(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331", sampled=True)
    assert str(read) == PLACE


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(None, id="nothing"),
        pytest.param("", id="empty"),
        pytest.param(PLACE.upper(), id="upper-case"),
        pytest.param("ff" + PLACE[2:], id="version-ff"),
        pytest.param("01" + PLACE[2:], id="a-version-to-come"),
        pytest.param(PLACE + "-more", id="too-long"),
        pytest.param(PLACE + "\n", id="a-line-end"),
        pytest.param(PLACE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32), id="no-trace"),
        pytest.param(PLACE.replace("b7ad6b7169203331", "0" * 16), id="no-span"),
        pytest.param("٠" * 55, id="digits-of-another-script"),
    ],
)
def test_anything_else_is_no_traceparent(sent):
    assert TraceParent.read(sent) is None
