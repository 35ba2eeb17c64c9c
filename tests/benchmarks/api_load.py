"""How many reads and writes a service answers, and how long they take.

One service process over SQLite and the world whose updates are judged in milliseconds; callers in this process ask as
fast as they are answered, each with a connection of their own. A read is one update with its ETag. A write is a whole
proposal of a few bytes: its files are copied, hashed and written down, durably, with a ledger entry.

Run with ``python -m tests.benchmarks.api_load [--seconds S] [--callers N]``.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

import httpx
from quick_world import MODEL, quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import World


def serve(folder, pipe):
    """Serve until told to end; then say how much memory it took, in MiB."""
    import uvicorn

    from audits.witness.server import listen

    root, policy = Path(folder), quick_policy()
    workspace = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
    world = World(workspace, root, policy)
    world.live()
    update = world.judged()
    artifact = world.folder().name
    with listen("127.0.0.1:0") as listener:
        server = uvicorn.Server(uvicorn.Config(world.app, log_level="error", access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        pipe.send((listener.getsockname()[1], update, artifact, world.ola.token, world.zelda.token))
        pipe.recv()
        server.should_exit = True
        thread.join()
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    workspace.store.close()


def load(url, callers, seconds, ask):
    """Ask as fast as answers come; return how long each took, in seconds, and how many were no success."""
    took, failed, lock = [], [0], threading.Lock()
    ends = time.perf_counter() + seconds

    def call():
        mine, bad = [], 0
        with httpx.Client(base_url=url, timeout=60) as client:
            while (begun := time.perf_counter()) < ends:
                bad += not ask(client).is_success
                mine.append(time.perf_counter() - begun)
        with lock:
            took.extend(mine)
            failed[0] += bad

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, failed[0]


def figures(took, failed, seconds):
    """Return rate and times in milliseconds."""
    ordered = sorted(took)

    def at(share):
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {
        "per_second": round(len(took) / seconds, 1),
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "failed": failed,
        "requests": len(took),
    }


def main():
    """Measure reads, then writes, and print figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--callers", type=int, default=8)
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    with tempfile.TemporaryDirectory(prefix="api-load-") as folder:
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, theirs))
        process.start()
        port, update, artifact, reader, writer = ours.recv()
        url = f"http://127.0.0.1:{port}"

        def read(client):
            return client.get(f"/v1/updates/{update}", headers={"Authorization": f"Bearer {reader}"})

        def write(client):
            body = {"model": MODEL, "name": "load", "artifact": f"incoming:{artifact}"}
            return client.post("/v1/updates", json=body, headers={"Authorization": f"Bearer {writer}"})

        result = {}
        for name, ask in (("reads", read), ("writes", write)):
            load(url, 1, 1, ask)
            result[name] = figures(*load(url, chosen.callers, chosen.seconds, ask), chosen.seconds)
        ours.send("end")
        result["memory_mib"] = round(ours.recv())
        process.join()
    print(json.dumps({"callers": chosen.callers, "seconds": chosen.seconds, **result}, indent=2))


if __name__ == "__main__":
    main()
