"""The client against an address that is no honest witness."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from witnessed_log import LOG_KEY, NAME, ORIGIN, WITNESS_KEY, WITNESS_VKEY

from audits.ledger.cosign import cosigned
from audits.ledger.note import cosign, parse_note, sign_note
from audits.witness.client import cosign_checkpoint
from gatekeeper.core.errors import StateError


class Answers(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def liar():
    """A server that answers everything with ``status`` and ``body``."""
    server = HTTPServer(("127.0.0.1", 0), Answers)
    server.status, server.body, server.headers, server.asked = 200, b"", {}, 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, b"", id="nothing"),
        pytest.param(200, b"thanks\n", id="no signature"),
        pytest.param(200, b"\xff\xfe\n", id="no UTF-8"),
        pytest.param(200, "— w AAAAAA==\n".encode() * 5000, id="more than it may say"),
        pytest.param(409, b"many\n", id="a size that is none"),
        pytest.param(409, b"9" * 30 + b"\n", id="a size beyond all logs"),
        pytest.param(500, b"oh\n", id="a failure"),
        pytest.param(503, b"", id="too busy"),
    ],
)
def test_nonsense_is_a_state_error(liar, log, status, body):
    liar.status, liar.body = status, body

    with pytest.raises(StateError):
        cosign_checkpoint(liar.url, note=log.note(7), old_size=0, proof=())


def test_the_client_follows_no_one_elsewhere(liar, log):
    liar.status, liar.headers = 307, {"Location": liar.url + "/elsewhere"}

    with pytest.raises(StateError, match="status 307"):
        cosign_checkpoint(liar.url, note=log.note(7), old_size=0, proof=())

    assert liar.asked == 1


def test_a_witness_that_always_names_another_size_is_given_up(liar, log):
    liar.status, liar.body = 409, b"3\n"

    result = cosigned(log.note(7), addresses=[liar.url], keys=[WITNESS_VKEY], consistency=log.consistency)

    assert result.signed == 0
    assert "busy" in result.faults[liar.url].message
    assert liar.asked < 10


def test_a_cosignature_of_another_checkpoint_counts_for_nothing(liar, log):
    liar.body = f"{cosign(parse_note(log.note(6)).text, NAME, WITNESS_KEY, 1)}\n".encode()

    result = cosigned(log.note(7), addresses=[liar.url], keys=[WITNESS_VKEY], consistency=log.consistency)

    assert (result.signed, result.note) == (0, log.note(7))


def test_a_line_that_the_log_itself_made_counts_for_nothing(liar, log):
    liar.body = f"{sign_note(parse_note(log.note(7)).text, ORIGIN, LOG_KEY)}\n".encode()

    result = cosigned(log.note(7), addresses=[liar.url], keys=[WITNESS_VKEY], consistency=log.consistency)

    assert (result.signed, result.note) == (0, log.note(7))


def test_a_newer_cosignature_takes_the_place_of_the_older(liar, log):
    note = log.note(7)
    for at in (1, 2):
        liar.body = f"{cosign(parse_note(note).text, NAME, WITNESS_KEY, at)}\n".encode()
        note = cosigned(note, addresses=[liar.url], keys=[WITNESS_VKEY], consistency=log.consistency).note

    assert len(parse_note(note).signatures) == 2
    assert str(cosign(parse_note(note).text, NAME, WITNESS_KEY, 2)) in note
