"""HTTP as small as a load needs it, so that asking takes little of the cores that answering is measured on.

One connection at a time for each caller, kept alive; an answer has a length. What the service sends is not checked
here beyond that: the tests do.
"""

import socket
from dataclasses import dataclass


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    etag: str
    body: bytes


class Wire:
    """One kept connection."""

    def __init__(self, address):
        self._address = address
        self._socket = None
        self._left = b""

    def ask(self, method, path, token, *, body=None, etag=None, key=None):
        """Send a request and return its answer.

        Raises:
            OSError: the connection broke.
        """
        lines = [f"{method} {path} HTTP/1.1", "Host: gate", f"Authorization: Bearer {token}"]
        if etag:
            lines.append(f"If-Match: {etag}")
        if key:
            lines.append(f"Idempotency-Key: {key}")
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        elif method == "POST":
            lines.append("Content-Length: 0")
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=60)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall("\r\n".join((*lines, "", "")).encode() + (body or b""))
            return self._answer()
        except OSError:
            self.close()
            raise

    def close(self):
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._left = None, b""

    def _answer(self):
        data = self._left
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].decode("latin-1").split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        length = int(named.get("content-length", "0"))
        body = data[end + 4 :]
        while len(body) < length:
            body += self._more()
        self._left = body[length:]
        if named.get("connection") == "close":
            self.close()
        return Answer(status=int(head[0].split()[1]), etag=named.get("etag", ""), body=body[:length])

    def _more(self):
        found = self._socket.recv(1 << 18)
        if not found:
            raise ConnectionResetError("the service closed the connection in the middle of an answer")
        return found
