"""An OTLP/HTTP receiver on this machine that reads what it is sent as a collector would."""

import gzip
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Received:
    """One span as it came over the wire."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    service: str
    attributes: dict
    links: tuple
    failed: bool
    events: int


class Receiver:
    """Keeps every span that was sent."""

    def __init__(self):
        self.spans, self.url, self.paths = [], "", []

    def await_span(self, name, patience=30):
        """Return the first span of that name, once it is there."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if found := self.named(name):
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no span {name} among {sorted({each.name for each in self.spans})}")

    def named(self, name):
        return [each for each in self.spans if each.name == name]

    def below(self, span):
        """Return the names of a span's children."""
        return {each.name for each in self.spans if each.parent_id == span.span_id}


def _value(value):
    return getattr(value, value.WhichOneof("value"))


def read(body):
    """Return the spans of one request."""
    asked = ExportTraceServiceRequest.FromString(body)
    for resource in asked.resource_spans:
        service = {each.key: _value(each.value) for each in resource.resource.attributes}["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    service=service,
                    attributes={each.key: _value(each.value) for each in span.attributes},
                    links=tuple(each.span_id.hex() for each in span.links),
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    events=len(span.events),
                )


@contextmanager
def receiving():
    """Give a receiver at an address of its own."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.paths.append(self.path)
            receiver.spans.extend(read(body))
            said = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
