"""Spans as OpenTelemetry traces, sent to a collector over OTLP/HTTP.

The provider is this module's own and never the process's global one: libraries that trace by themselves send nothing
through it. Exceptions are recorded by their type alone, since messages can hold paths, names and text.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from gatekeeper.core.errors import UsageError
from gatekeeper.core.spans import Fact, watched_by
from gatekeeper.core.traceparent import TraceParent

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

PATH: Final = "/v1/traces"
_EXPORT_SECONDS: Final = 5.0
_OWN: Final = "gatekeeper."
_UNTRACED: Final = frozenset({"worker.beat"})
"""Too many and too dull."""
_SERVERS: Final = frozenset({"http.request"})
"""Spans of requests that come from outside."""


class Tracing:
    """Makes an OpenTelemetry span of each span; implements :class:`~gatekeeper.core.spans.Watcher`."""

    def __init__(self, provider: "TracerProvider") -> None:
        self._tracer = provider.get_tracer("gatekeeper")

    def begun(
        self, name: str, facts: Mapping[str, Fact], *, parent: str | None, links: Sequence[str]
    ) -> "_Recorded | None":
        """Begin it, below ``parent`` where one is named, else below this thread's present span."""
        if name in _UNTRACED:
            return None
        from opentelemetry import trace

        return _Recorded(
            self._tracer.start_span(
                name,
                context=None if parent is None else _context(parent),
                kind=trace.SpanKind.SERVER if name in _SERVERS else trace.SpanKind.INTERNAL,
                links=[trace.Link(found) for each in links if (found := _remote(each)) is not None],
                attributes=named(facts),
                record_exception=False,
                set_status_on_exception=False,
            )
        )

    def here(self) -> str | None:
        """Return where this thread's present span stands."""
        from opentelemetry import trace

        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return None
        return str(
            TraceParent(
                trace_id=f"{found.trace_id:032x}", span_id=f"{found.span_id:016x}", sampled=found.trace_flags.sampled
            )
        )


class _Recorded:
    """One span that is being recorded."""

    def __init__(self, recorded: "trace.Span") -> None:
        from opentelemetry import context, trace

        self._span = recorded
        self._thread = threading.get_ident()
        self._token = context.attach(trace.set_span_in_context(recorded))

    def told(self, facts: Mapping[str, Fact]) -> None:
        """Add attributes; ``name`` becomes the span's own."""
        more = dict(facts)
        if (name := more.pop("name", None)) is not None:
            self._span.update_name(str(name))
        self._span.set_attributes(named(more))

    def ended(self, error: BaseException | None) -> None:
        """End it, as an error where there was one."""
        from opentelemetry import context, trace

        if error is not None:
            self._span.set_attribute("error.type", type(error).__name__)
            self._span.set_status(trace.Status(trace.StatusCode.ERROR))
        self._span.end()
        if threading.get_ident() == self._thread:
            context.detach(self._token)


def named(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Return facts under attribute names: those of the conventions as they are, ours behind ``gatekeeper.``."""
    return {name if "." in name else _OWN + name: value for name, value in facts.items()}


@contextmanager
def traced(
    collector: str, *, service: str, version: str, processors: Sequence["SpanProcessor"] = ()
) -> Iterator[None]:
    """Send every span of this process to a collector while the block runs; without one, do nothing.

    What is not sent when the block ends is sent then, for a few seconds at most.

    Args:
        collector: base address of an OTLP/HTTP receiver, such as ``http://127.0.0.1:4318``; empty for none.
        service: what this process is called in traces.
        version: of this program.
        processors: more to do with spans, for tests.

    Raises:
        UsageError: the address is none, or the exporter is not installed.
    """
    if not collector and not processors:
        yield
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "service.version": version}), shutdown_on_exit=False
    )
    for processor in (*processors, *([_sender(collector)] if collector else [])):
        provider.add_span_processor(processor)
    try:
        with watched_by(Tracing(provider)):
            yield
    finally:
        provider.shutdown()


def _sender(collector: str) -> "SpanProcessor":
    if not collector.startswith(("http://", "https://")):
        raise UsageError(
            f"Traces cannot be sent to {collector}.", hint="Name an OTLP/HTTP receiver: http://collector:4318."
        )
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as error:
        raise UsageError(
            "Traces need the exporter, which is not installed.", hint="pip install 'gatekeeper[traces]'."
        ) from error
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=collector.rstrip("/") + PATH, timeout=_EXPORT_SECONDS))


def _remote(text: str) -> "trace.SpanContext | None":
    from opentelemetry import trace

    read = TraceParent.read(text)
    if read is None:
        return None
    return trace.SpanContext(
        trace_id=int(read.trace_id, 16),
        span_id=int(read.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if read.sampled else trace.TraceFlags.DEFAULT),
    )


def _context(parent: str) -> "Context | None":
    from opentelemetry import trace
    from opentelemetry.context import Context

    found = _remote(parent)
    return None if found is None else trace.set_span_in_context(trace.NonRecordingSpan(found), Context())
