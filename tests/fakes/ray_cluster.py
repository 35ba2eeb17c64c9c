"""A real Ray cluster on this machine: a head and further nodes, each a group of processes that can be killed.

Each node has one CPU unless said otherwise and an object store of 100 MB. Nothing of it outlives the block: every
process carries a mark of its cluster in its environment, and what carries it at the end is killed.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_MARK = "GATEKEEPER_TEST_CLUSTER"
_OBJECTS = 100_000_000
# A dead node is noticed within about two seconds; by default that takes Ray half a minute.
_HEALTH = (
    '{"health_check_initial_delay_ms":500,"health_check_period_ms":500,'
    '"health_check_timeout_ms":1000,"health_check_failure_threshold":3}'
)


@dataclass
class RayNode:
    """One node: the command that started it, and everything below."""

    process: subprocess.Popen
    mark: str

    def kill(self):
        """End the node as a power failure would."""
        for pid in _marked(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    def evaluators(self):
        """Processes of the node that compute shards."""
        return [pid for pid in _marked(self.mark) if b"ray::Evaluator" in _command(pid)]

    def kill_evaluators(self):
        """Kill what computes shards, and nothing else."""
        for pid in self.evaluators():
            os.kill(pid, signal.SIGKILL)

    def freeze(self):
        """Let what computes shards stand still."""
        for pid in self.evaluators():
            os.kill(pid, signal.SIGSTOP)


@dataclass
class RayCluster:
    """A head and its nodes."""

    folder: Path
    """Ray's own files; short, since sockets lie in it."""
    paths: tuple[Path, ...]
    """What nodes can import from, beside what is installed."""
    threads: int
    token: str
    """Without it nobody joins the cluster, or asks anything of it."""
    gpus: int
    """Of every node; Ray does not look whether they are there."""
    port: int = 0
    nodes: list[RayNode] = field(default_factory=list)

    @property
    def address(self):
        """What ``--ray`` and ``ray.init`` take."""
        return f"{_ip()}:{self.port}"

    def start_head(self, *, cpus=1, again_on=0):
        """Start the head."""
        self.port = again_on or _free_port()
        return self._start(
            "--head",
            f"--port={self.port}",
            "--include-dashboard=false",
            f"--system-config={_HEALTH}",
            cpus=cpus,
        )

    def add_node(self, *, cpus=1):
        """Start another node and return once it has joined."""
        return self._start(f"--address={self.address}", cpus=cpus)

    def _start(self, *how, cpus):
        mark = secrets.token_hex(8)
        log = (self.folder / f"node-{len(self.nodes)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from ray.scripts.scripts import main; main()",
                    "start",
                    "--block",
                    "--disable-usage-stats",
                    "--include-log-monitor=false",
                    f"--temp-dir={self.folder}",
                    f"--num-cpus={cpus}",
                    f"--num-gpus={self.gpus}",
                    f"--object-store-memory={_OBJECTS}",
                    *how,
                ],
                env=self.environment | {_MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        node = RayNode(process=process, mark=mark)
        self.nodes.append(node)
        while b"Ray runtime started" not in Path(log.name).read_bytes():
            if process.poll() is not None:
                raise RuntimeError(f"ray start ended: {Path(log.name).read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.05)
        return node

    @property
    def environment(self):
        """The environment of nodes, and of whoever must compute the same numbers."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "GATEKEEPER_"))}
        return kept | {
            "PYTHONPATH": os.pathsep.join([*map(str, self.paths), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_DISABLE_IMPORT_WARNING": "1",
            "OMP_NUM_THREADS": str(self.threads),
            "HF_HUB_OFFLINE": "1",
        }

    def restart(self):
        """Kill every node, and start a head anew where the last one was."""
        self.stop()
        self.start_head(again_on=self.port)

    def stop(self):
        """Kill what is left."""
        for node in self.nodes:
            node.kill()


@contextmanager
def ray_cluster(*, nodes=2, cpus=1, threads=1, gpus=0, paths=None):
    """Start a cluster of so many nodes, the head among them, and stop it for sure.

    Nodes import from this tree, or from ``paths``.
    """
    here = Path(__file__).resolve()
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    cluster = RayCluster(
        folder=folder,
        paths=paths or (here.parent, here.parents[2]),
        threads=threads,
        token=secrets.token_hex(32),
        gpus=gpus,
    )
    try:
        cluster.start_head(cpus=cpus)
        for _ in range(nodes - 1):
            cluster.add_node(cpus=cpus)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _marked(mark):
    """Processes whose environment carries a mark."""
    wanted = f"{_MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended, or is somebody else's
    return found


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _ip():
    """The address that Ray gives a node of this machine."""
    import ray

    return ray.util.get_node_ip_address()


def _free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]
