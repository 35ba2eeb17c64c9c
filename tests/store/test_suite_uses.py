"""Who was asked about an evaluation set, in the order they came, each once."""

from gatekeeper.pipeline.suite_history import StoredSuiteHistory
from gatekeeper.store import suite_uses

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SUITE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_each_update_is_written_down_once_for_each_set(store):
    history = StoredSuiteHistory(store)

    answers = [history.ask(SUITE, A), history.ask(SUITE, A), history.ask(SUITE, B), history.ask(OTHER, B)]

    assert answers == [[], [A], [A], []]
    with store.reading() as session:
        assert suite_uses.of_suite(session, SUITE) == [A, B]


def test_nobody_was_asked_about_a_new_set(store):
    with store.reading() as session:
        assert suite_uses.of_suite(session, SUITE) == []
