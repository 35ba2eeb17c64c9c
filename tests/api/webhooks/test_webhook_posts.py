"""One request to one address: real TLS, and receivers that try what they can."""

import http.client
import io
import ipaddress
import ssl
import time

import pytest
from receiver import authority, headers_of, receiving, says

from api.webhooks.address import Rules
from api.webhooks.post import NotSent, Patience, Poster, written
from gatekeeper.core.errors import UsageError

LOCAL = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
QUICK = Patience(resolve=0.5, connect=0.5, tls=0.5, answer=0.5, total=1.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("certificates"), "hooks.example.com", "*.example.org")


@pytest.fixture
def poster(certificate):
    """Make a poster that finds every name at one address, or at those given in turn."""

    def make(port, *, host="hooks.example.com", finds=("127.0.0.1",), networks=LOCAL, context=None, patience=QUICK):
        asked = []

        def resolver(name, at):
            asked.append(name)
            return finds if isinstance(finds[0], str) else finds[len(asked) - 1]

        made = Poster(
            Rules(hosts=frozenset({f"{host}:{port}"}), networks=networks),
            context=context or ssl.create_default_context(cafile=str(certificate[0])),
            patience=patience,
            resolver=resolver,
        )
        return made, f"https://{host}:{port}/hook?a=b", asked

    return make


def test_the_request_arrives_as_it_was_written(certificate, poster):
    with receiving(certificate[1]) as receiver:
        post, url, asked = poster(receiver.port)
        status = post.post(url, b'{"type": "x"}', {"webhook-id": "msg_1"})
    ((head, body),) = receiver.requests

    assert status == 204
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert headers_of(head)["host"] == f"hooks.example.com:{receiver.port}"
    assert (headers_of(head)["webhook-id"], headers_of(head)["connection"]) == ("msg_1", "close")
    assert body == b'{"type": "x"}'
    assert receiver.names == ["hooks.example.com"]
    assert asked == ["hooks.example.com"]  # once, and never again


def test_a_name_that_changes_its_address_after_the_check_is_not_asked_again(certificate, poster):
    with receiving(certificate[1]) as receiver:
        post, url, asked = poster(receiver.port, finds=[["127.0.0.1"], ["169.254.169.254"]])
        assert post.post(url, b"{}", {}) == 204

    assert len(asked) == 1


@pytest.mark.parametrize(
    "finds",
    [
        pytest.param(["127.0.0.1"], id="loopback"),
        pytest.param(["169.254.169.254"], id="metadata"),
        pytest.param(["10.0.0.5"], id="private"),
        pytest.param(["8.8.8.8", "10.0.0.5"], id="public-and-private"),
        pytest.param(["::ffff:10.0.0.5"], id="mapped"),
        pytest.param(["::1"], id="loopback-of-ipv6"),
        pytest.param(["::"], id="unspecified"),
        pytest.param(["not an address"], id="nonsense"),
    ],
)
def test_a_name_that_stands_for_an_inner_address_is_not_connected_to(certificate, poster, finds):
    with receiving(certificate[1]) as receiver:
        post, url, _asked = poster(receiver.port, finds=finds, networks=())
        with pytest.raises(NotSent) as refused:
            post.post(url, b"{}", {})

    assert refused.value.word == "address-not-allowed"
    assert receiver.connections == 0


def test_the_next_address_is_tried_where_the_first_does_not_answer(certificate, poster):
    with receiving(certificate[1]) as receiver:
        post, url, asked = poster(receiver.port, finds=["::1", "127.0.0.1"])
        assert post.post(url, b"{}", {}) == 204

    assert len(asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(certificate, poster, status):
    moved = f"HTTP/1.1 {status} Moved\r\nLocation: http://169.254.169.254/latest/\r\n\r\n".encode()
    with receiving(certificate[1], says(moved)) as receiver:
        post, url, asked = poster(receiver.port)
        assert post.post(url, b"{}", {}) == status

    assert (receiver.connections, len(asked)) == (1, 1)


def test_a_proxy_in_the_environment_is_not_used(certificate, poster, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with receiving(certificate[1]) as receiver:
        post, url, _asked = poster(receiver.port)
        assert post.post(url, b"{}", {}) == 204


def test_an_answer_without_end_is_not_read(certificate, poster):
    sent = []

    def floods(secure):
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            sent.append(secure.send(b"x" * 65536))

    with receiving(certificate[1], floods) as receiver:
        post, url, _asked = poster(receiver.port)
        assert post.post(url, b"{}", {}) == 200

    assert sum(sent) < 16 << 20  # what fitted into the sockets' own buffers


def test_headers_without_end_are_given_up(certificate, poster):
    def floods(secure):
        secure.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            secure.sendall(b"X-More: " + b"y" * 1000 + b"\r\n")

    with receiving(certificate[1], floods) as receiver:
        post, url, _asked = poster(receiver.port)
        with pytest.raises(NotSent) as refused:
            post.post(url, b"{}", {})

    assert refused.value.word == "no-http"


def drips(secure):
    """One byte at a time: no single wait is ever long."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 10_000:
        secure.sendall(bytes([byte]))
        time.sleep(0.02)


def interim(secure):
    """Promise an answer again and again."""
    while True:
        secure.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(lambda secure: secure.recv(1), id="silence"),
        pytest.param(drips, id="one-byte-at-a-time"),
        pytest.param(interim, id="interim-answers-without-end"),
    ],
)
def test_a_receiver_that_never_answers_is_left(certificate, poster, behave):
    with receiving(certificate[1], behave) as receiver:
        post, url, _asked = poster(receiver.port)
        with pytest.raises(NotSent) as refused:
            post.post(url, b"{}", {})

    assert refused.value.word == "timeout"


def test_an_interim_answer_is_followed_by_the_real_one(certificate, poster):
    both = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n"
    with receiving(certificate[1], says(both)) as receiver:
        post, url, _asked = poster(receiver.port)
        assert post.post(url, b"{}", {}) == 202


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        pytest.param(b"", "no-answer", id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", "no-http", id="another-protocol"),
        pytest.param(b"HTTP/2 200\r\n\r\n", "no-http", id="another-version"),
        pytest.param(b"HTTP/1.1 999 Odd\r\n\r\n", "no-http", id="no-status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", "no-answer", id="cut-off"),
    ],
)
def test_what_is_no_answer_is_none(certificate, poster, answer, word):
    with receiving(certificate[1], says(answer)) as receiver:
        post, url, _asked = poster(receiver.port)
        with pytest.raises(NotSent) as refused:
            post.post(url, b"{}", {})

    assert refused.value.word == word


def test_a_certificate_of_a_stranger_is_refused(certificate, poster):
    with receiving(certificate[1]) as receiver:
        post, url, _asked = poster(receiver.port, context=ssl.create_default_context())
        with pytest.raises(NotSent) as refused:
            post.post(url, b"{}", {})

    assert (refused.value.word, receiver.requests) == ("tls", [])


def test_a_certificate_for_another_name_is_refused(certificate, poster):
    with receiving(certificate[1]) as receiver:
        post, url, _asked = poster(receiver.port, host="other.example.net")
        with pytest.raises(NotSent) as refused:
            post.post(url, b"{}", {})

    assert (refused.value.word, receiver.requests) == ("tls", [])


def test_a_receiver_that_is_not_there_is_said_to_be(certificate, poster):
    with receiving(certificate[1]) as receiver:
        pass
    post, url, _asked = poster(receiver.port)

    with pytest.raises(NotSent) as refused:
        post.post(url, b"{}", {})

    assert refused.value.word in {"connection", "timeout"}


def test_a_name_that_does_not_resolve_and_one_that_takes_for_ever(certificate):
    def fails(name, port):
        raise OSError("no such name")

    def hangs(name, port):
        time.sleep(3)
        return ["127.0.0.1"]

    for resolver, word in ((fails, "name"), (hangs, "timeout"), (lambda name, port: [], "name")):
        post = Poster(Rules(hosts=frozenset({"hooks.example.com"})), patience=QUICK, resolver=resolver)
        with pytest.raises(NotSent) as refused:
            post.post("https://hooks.example.com/", b"{}", {})
        assert refused.value.word == word


def test_a_host_that_the_settings_dropped_is_not_sent_to(certificate, poster):
    post, url, asked = poster(1)

    with pytest.raises(UsageError):
        post.post(url.replace("hooks", "other"), b"{}", {})

    assert asked == []


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"webhook-id": "x\r\nX-Evil: 1"}, id="value"),
        pytest.param({"webhook-id\r\nX-Evil": "1"}, id="name"),
        pytest.param({"webhook-id": "ä"}, id="letters"),
        pytest.param({"a b": "1"}, id="space"),
    ],
)
def test_no_header_can_be_smuggled_in(headers):
    target = Rules(hosts=frozenset({"hooks.example.com"})).target("https://hooks.example.com/")

    with pytest.raises(RuntimeError, match="cannot be sent"):
        written(target, b"{}", headers)


def test_a_poster_that_would_believe_any_certificate_cannot_be_made():
    careless = ssl.create_default_context()
    careless.check_hostname = False

    with pytest.raises(RuntimeError, match="certificate"):
        Poster(Rules(), context=careless)


def test_a_standard_reader_reads_what_is_written(certificate, poster):
    target = Rules(hosts=frozenset({"hooks.example.com"})).target("https://hooks.example.com/a")
    head = written(target, b"{}", {"webhook-id": "msg_1"}).partition(b"\r\n")[2]

    assert http.client.parse_headers(io.BytesIO(head))["content-length"] == "2"
