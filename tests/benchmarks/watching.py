"""What it costs to be watched: a span that nobody sees, one that is counted, one that is traced; and a request.

The request passes the layer that watches, around an application that does nothing but answer, without a network;
beside it, for scale, one update is asked of the service. Processor time, the best of several rounds.

Run with ``python -m tests.benchmarks.watching``.
"""

import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import World
from starlette.routing import Route

from api.observing import Observed
from gatekeeper.core.spans import span, watched_by
from gatekeeper.runtime.tracing import traced

ROUNDS = 5


def best(call, times):
    """Return the least processor time of one call, in microseconds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - began) / times * 1e6)
    return min(found)


def one_span():
    with span("gate", gate="data/pii") as seen:
        seen.tell(status="measured", rows=1000)


def asking(app, path, token=""):
    """Return what sends one request to an application, once."""
    sent = [(b"authorization", f"Bearer {token}".encode()), (b"host", b"gate")]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": sent,
        "http_version": "1.1",
    }
    scope |= {"client": ("127.0.0.1", 1), "server": ("gate", 80), "scheme": "http", "root_path": "", "raw_path": b""}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        if message.get("status", 200) != 200:
            raise SystemExit(f"{path}: {message}")

    async def round_of(times):
        for _ in range(times):
            await app({**scope, "state": {}}, receive, send)

    return round_of


def request(ask, times):
    """Return the least processor time of one request, in microseconds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        asyncio.run(ask(times))
        found.append((time.process_time() - began) / times * 1e6)
    return min(found)


async def nothing(scope, receive, send):
    """Answer."""
    scope["route"] = UPDATE
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


UPDATE = Route("/v1/updates/{update_id}", nothing)


def main():
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        policy = quick_policy()
        workspace = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
        stack.callback(workspace.store.close)
        world = World(workspace, root, policy)
        update = world.proposed(first=True)
        processor = BatchSpanProcessor(InMemorySpanExporter(), max_queue_size=1 << 16)
        watching = {
            "nobody": [],
            "figures": [watched_by(world.app.state.metrics)],
            "figures and traces": [
                watched_by(world.app.state.metrics),
                traced("", service="bench", version="0", processors=[processor]),
            ],
        }
        layer = asking(Observed(nothing, metrics=world.app.state.metrics), "/v1/updates/upd-0")
        bare = request(asking(nothing, "/"), 5_000)
        print("| watched by | one span, µs | the layer around a request, µs |")
        print("|---|---|---|")
        for name, watchers in watching.items():
            with ExitStack() as inner:
                for each in watchers:
                    inner.enter_context(each)
                print(f"| {name} | {best(one_span, 5_000):,.1f} | {request(layer, 5_000) - bare:,.1f} |")
        whole = request(asking(world.app, f"/v1/updates/{update}", world.ola.token), 50)
        print(f"\nOne update asked of the service: {whole:,.0f} µs.")


if __name__ == "__main__":
    main()
