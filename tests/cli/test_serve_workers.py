"""Several processes behind one address: what is taken away counts in every one of them, and they end together."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

CONNECTIONS = 8
"""New ones each time: all of them reach the same one of two processes once in 128 times. More would be too many calls
without a token that counts."""


@contextmanager
def served_by_two():
    """Serve the project of the present folder in two processes; give the first process and the address."""
    command = [sys.executable, "-m", "gatekeeper", "serve", "--port", "0", "--workers", "2", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(process.stdout.readline())["url"]
        # Whatever comes waits until the process that it comes to has started.
        assert statuses(url, "none", "/healthz") == {200}
        yield process, url
    finally:
        process.kill() if process.poll() is not None else process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def statuses(url, token, path="/v1/me"):
    """Ask over connections of their own; return the statuses that came, each once."""
    headers = {"Authorization": f"Bearer {token}"}
    return {httpx.get(f"{url}{path}", headers=headers, timeout=60).status_code for _ in range(CONNECTIONS)}


def workers_of(pid):
    """Return the processes that answer."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"spawn_main" in words:
                found.append(int(child))
    return found


@pytest.fixture
def queue(project):
    """The project, whose updates are evaluated by workers."""
    settings = project / "gatekeeper.toml"
    settings.write_text(settings.read_text() + '\nruntime = "queue"\n')
    return project


def test_several_processes_are_refused_where_the_service_evaluates(project, gatekeeper):
    ended = gatekeeper("serve", "--port", 0, "--workers", 2)

    assert ended.code == 64
    assert "queue" in ended.err


def test_what_is_taken_away_counts_in_every_process(queue, gatekeeper):
    made = [gatekeeper("token", "create", "--for", name, "--json").json for name in ("dana", "dana", "kim", "zelda")]
    ended, dana, kim, zelda = (each["token"] for each in made)
    with served_by_two() as (_process, url):
        assert [statuses(url, each) for each in (ended, dana, kim, zelda)] == [{200}] * 4

        assert gatekeeper("token", "revoke", made[0]["id"]).code == 0
        assert (statuses(url, ended), statuses(url, dana)) == ({401}, {200})

        people = queue / "principals.toml"
        people.write_text(people.read_text().replace("[people.dana]", "[people.ines]"))
        assert (statuses(url, dana), statuses(url, kim)) == ({401}, {200})

        policy = queue / "policy.yaml"
        before = _digests(url, kim)
        policy.write_text(policy.read_text().replace("required: 1", "required: 2"))
        after = _digests(url, kim)
        assert len(before) == len(after) == 1
        assert before != after

        policy.write_text("policy: [")
        answers = {_propose(url, zelda).status_code for _ in range(CONNECTIONS)}
        assert answers == {503}


def test_when_one_process_dies_all_end_and_it_is_said(queue):
    with served_by_two() as (process, url):
        first, second = workers_of(process.pid)
        os.kill(first, signal.SIGKILL)

        assert process.wait(timeout=60) != 0
        assert not Path(f"/proc/{second}").exists()
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz", timeout=10)


def test_processes_do_not_outlive_who_began_them(queue):
    with served_by_two() as (process, url):
        process.kill()
        process.wait(timeout=60)

        assert _ends(url)


def _ends(url):
    """Wait until nobody answers."""
    for _ in range(200):
        try:
            httpx.get(f"{url}/healthz", timeout=10)
        except httpx.TransportError:
            return True
    return False


def _digests(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    lines = [httpx.get(f"{url}/v1/policies", headers=headers, timeout=60).json() for _ in range(CONNECTIONS)]
    return {each["digest"] for line in lines for each in line["items"] if each["present"]}


def _propose(url, token):
    body = {"model": "tiny", "name": "x", "artifact": "models:/tiny/1"}
    return httpx.post(f"{url}/v1/updates", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
