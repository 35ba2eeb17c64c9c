"""Sends one request to one address, and reads nothing of the answer but its status.

In this order: the name is resolved once, in limited time; every address it stands for must be allowed, and one that is
not refuses them all; the connection goes to the first of them that takes it, and the peer is compared; TLS checks the
certificate against the name; the request is written; the status line is read. There is no proxy, no redirect, no
second connection, and one deadline for everything. The answer's body is never read.
"""

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.webhooks.address import Address, Rules, Target

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses that a name stands for."""

MOST_HEADER_BYTES: Final = 16_384
"""Longest beginning of an answer, up to the empty line."""

_MOST_ADDRESSES: Final = 4
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r\n")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_VALUE: Final = re.compile(r"[ -~]*")


class NotSent(Exception):
    """The request got no answer; ``word`` says why, and never what is at the address."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that each phase, and everything together, may take."""

    resolve: float = 5.0
    connect: float = 5.0
    tls: float = 5.0
    answer: float = 10.0
    total: float = 15.0


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that a name stands for, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(each[4][0]) for each in found]


class Poster:
    """Sends requests under rules."""

    def __init__(
        self,
        rules: Rules,
        *,
        context: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        resolver: Resolve = resolve,
    ) -> None:
        """Remember them.

        Args:
            rules: which hosts may be named and which addresses reached.
            context: of TLS; by default the system's authorities, with the certificate checked.
            patience: how long to wait.
            resolver: gives the addresses of a name; asked once for a request.
        """
        self._rules = rules
        self._context = context or ssl.create_default_context()
        if self._context.verify_mode is not ssl.CERT_REQUIRED or not self._context.check_hostname:
            raise RuntimeError("a webhook's receiver is always checked against its certificate")
        self._patience = patience or Patience()
        self._resolve = resolver

    @property
    def rules(self) -> Rules:
        """Which hosts may be named, and which addresses reached."""
        return self._rules

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Return the status that the receiver answered with; a redirect is an answer like any other.

        Raises:
            UsageError: the URL may not be sent to.
            NotSent: no status came.
        """
        target = self._rules.target(url)
        request = written(target, body, headers)
        deadline = time.monotonic() + self._patience.total
        addresses = self._addresses(target, deadline)
        try:
            with self._connected(addresses, target, deadline) as plain:
                _wait(plain, deadline, self._patience.tls)
                with self._context.wrap_socket(plain, server_hostname=target.host) as secure:
                    return self._exchange(secure, request, deadline)
        except TimeoutError as error:
            raise NotSent("timeout") from error
        except ssl.SSLError as error:
            raise NotSent("tls") from error
        except OSError as error:
            raise NotSent("connection") from error

    def _addresses(self, target: Target, deadline: float) -> list[Address]:
        """Return the addresses that the name stands for, when every one of them is allowed."""
        try:
            texts = [str(ipaddress.ip_address(target.host))]
        except ValueError:
            texts = list(self._resolved(target, deadline))
        try:
            addresses = [ipaddress.ip_address(text) for text in texts]
        except ValueError as error:
            raise NotSent("address-not-allowed") from error
        if not addresses:
            raise NotSent("name")
        if not all(self._rules.may_reach(each) for each in addresses):
            raise NotSent("address-not-allowed")
        return addresses[:_MOST_ADDRESSES]

    def _resolved(self, target: Target, deadline: float) -> Sequence[str]:
        """Ask for a name's addresses beside this thread, because the system's own patience can be minutes."""
        answers: list[Sequence[str]] = []
        failed: list[OSError | UnicodeError] = []

        def ask() -> None:
            try:
                answers.append(self._resolve(target.host, target.port))
            except (OSError, UnicodeError) as error:
                failed.append(error)

        asking = threading.Thread(target=ask, name="webhook-name", daemon=True)
        asking.start()
        asking.join(min(self._patience.resolve, max(0.0, deadline - time.monotonic())))
        if failed:
            raise NotSent("name") from failed[0]
        if not answers:
            raise NotSent("timeout")
        return answers[0]

    def _connected(self, addresses: Sequence[Address], target: Target, deadline: float) -> socket.socket:
        """Return a connection to the first address that takes one."""
        for address in addresses[:-1]:
            try:
                return self._connected_to(address, target, deadline)
            except OSError:
                continue
        return self._connected_to(addresses[-1], target, deadline)

    def _connected_to(self, address: Address, target: Target, deadline: float) -> socket.socket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            _wait(plain, deadline, self._patience.connect)
            plain.connect((str(address), target.port))
            if ipaddress.ip_address(str(plain.getpeername()[0])) != address:
                raise NotSent("address-not-allowed")
        except BaseException:
            plain.close()
            raise
        return plain

    def _exchange(self, secure: ssl.SSLSocket, request: bytes, deadline: float) -> int:
        """Write the request and return the status; what is sent and read is counted against the one deadline."""
        unsent = memoryview(request)
        until = min(deadline, time.monotonic() + self._patience.answer)
        while unsent:
            _wait(secure, until, self._patience.answer)
            unsent = unsent[secure.send(unsent) :]
        read = b""
        while True:
            while b"\r\n\r\n" not in read:
                _wait(secure, until, self._patience.answer)
                more = secure.recv(min(4096, MOST_HEADER_BYTES - len(read)))
                if not more:
                    raise NotSent("no-answer")
                read += more
                if len(read) >= MOST_HEADER_BYTES and b"\r\n\r\n" not in read:
                    raise NotSent("no-http")
            found = _STATUS.match(read)
            if found is None:
                raise NotSent("no-http")
            status = int(found[1])
            if status >= 200:
                return status
            read = read.partition(b"\r\n\r\n")[2]  # an interim answer: the real one follows


def written(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of a request.

    Raises:
        RuntimeError: a header holds what no header may hold.
    """
    lines = {
        "Host": target.authority,
        **headers,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Accept": "*/*",
    }
    for name, value in lines.items():
        if _HEADER.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            raise RuntimeError(f"the header {name!r} cannot be sent")
    head = f"POST {target.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode("ascii") + b"\r\n" + body


def _wait(at: socket.socket, deadline: float, most: float) -> None:
    """Let the next step take as long as is left, and no phase's whole time.

    Raises:
        TimeoutError: nothing is left.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    at.settimeout(min(left, most))
