"""An HTTP proxy in front of a real server, that does one chosen thing wrong at one chosen request.

Requests are counted from 1 after :meth:`FaultProxy.arm`. Without a fault every request is passed on.
"""

import http.client
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Fault(StrEnum):
    """What goes wrong with a request."""

    NO_ANSWER = "no answer after commit"
    """The server does what was asked, and nobody ever says so."""
    REFUSED = "500 before commit"
    """Answered with 500; the server never sees it."""
    DROPPED = "dropped before commit"
    """The connection ends; the server never sees it."""
    CUT = "dropped after commit"
    """The server does what was asked, and the connection ends without an answer."""
    HALVED = "half an answer"
    """The server does what was asked, and the connection ends in the middle of its answer."""
    LATE = "commit after everybody gave up"
    """The server sees it only when :meth:`FaultProxy.deliver` is called, long after the client has gone."""


COMMITTED = {Fault.NO_ANSWER, Fault.CUT, Fault.HALVED}


@dataclass
class FaultProxy:
    """Where it listens, what it will do, and what it saw."""

    upstream: tuple[str, int]
    url: str = ""
    at: int = 0
    """Number of the request that goes wrong; 0 for none."""
    fault: Fault | None = None
    forever: bool = False
    """Whether every later request is dropped, as by a server that went down."""
    on_request: object = None
    """Called with (number, ``before`` or ``after``) around each request; what it returns true for goes no further."""
    seen: list[str] = field(default_factory=list)
    """Method and path of every request since it was armed."""
    fired: int = 0
    busy: int = 0
    """Requests that the server is answering."""
    held: list[tuple[str, str, dict, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    calm: threading.Event = field(default_factory=threading.Event)

    def arm(self, at=0, fault=None, *, forever=False, on_request=None):
        """Count anew, and do this at that request."""
        with self.lock:
            self.at, self.fault, self.forever, self.on_request = at, fault, forever, on_request
            self.seen, self.fired = [], 0
            self.calm.clear()

    def disarm(self):
        """Pass everything on from here; whoever still waits for an answer is dropped."""
        with self.lock:
            self.at, self.fault, self.forever, self.on_request = 0, None, False, None
            self.calm.set()

    def deliver(self):
        """Hand the held requests to the server now."""
        held, self.held = self.held, []
        for request in held:
            self.forward(*request)
        return len(held)

    def forward(self, method, path, headers, body):
        """Return status, headers and body of the server's answer."""
        connection = http.client.HTTPConnection(*self.upstream, timeout=60)
        with self.lock:
            self.busy += 1
        try:
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()
            with self.lock:
                self.busy -= 1

    def idle(self):
        """Return when nothing is on its way to the server."""
        while self.busy:
            self.calm.wait(0.01)

    def take(self, line):
        """Return the request's number and what goes wrong with it."""
        with self.lock:
            self.seen.append(line)
            number = len(self.seen)
            if self.at and number == self.at:
                self.fired += 1
                return number, self.fault
            return number, Fault.DROPPED if self.forever and self.at and number > self.at else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: FaultProxy

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass

    def _any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            body = self._chunks()
        request = (self.command, self.path, self._passed_on(self.headers.items()), body)
        number, fault = self.proxy.take(f"{self.command} {self.path.partition('?')[0]}")
        tell = self.proxy.on_request or (lambda *_: None)
        if fault is Fault.REFUSED:
            return self._answer(500, [("Content-Type", "application/json")], b'{"error_code": "INTERNAL_ERROR"}')
        if fault is Fault.DROPPED:
            return self._hang_up()
        if fault is Fault.LATE:
            self.proxy.held.append(request)
            self.proxy.calm.wait(60)
            return self._hang_up()
        if tell(number, "before"):
            return self._hang_up()
        status, headers, answer = self.proxy.forward(*request)
        if tell(number, "after"):
            return self._hang_up()
        if fault is Fault.NO_ANSWER:
            self.proxy.calm.wait(60)
            return self._hang_up()
        if fault is Fault.CUT:
            return self._hang_up()
        return self._answer(status, headers, answer, half=fault is Fault.HALVED)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any  # noqa: N815

    def _chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _passed_on(self, headers):
        return {name: value for name, value in headers if name.lower() not in _HOP}

    def _answer(self, status, headers, body, *, half=False):
        self.send_response_only(status)
        for name, value in self._passed_on(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if half:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            return self._hang_up()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    def _hang_up(self):
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Say nothing: clients of a fault proxy hang up all the time."""


@contextmanager
def fault_proxy(upstream: str, *, port: int = 0):
    """Give a proxy in front of the server at this address."""
    host, _, upstream_port = upstream.removeprefix("http://").partition(":")
    proxy = FaultProxy(upstream=(host, int(upstream_port)))
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.disarm()
        server.shutdown()
        server.server_close()
        thread.join()
