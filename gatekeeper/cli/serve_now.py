"""What applies now, however long a service runs: its policy, its people, its keys and what verifiers trust.

Asked before every request. A file that has not changed is not read again.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from gatekeeper.cli.opening import PRINCIPALS_FILE, load_principals, open_notary, open_policy
from gatekeeper.cli.settings import Settings
from gatekeeper.pipeline.workspace import Workspace
from policies.policy import Policy


def present_policy(settings: Settings) -> Callable[[], Policy]:
    """Return what gives the policy that applies now: loaded anew when its file has changed."""
    source = settings.resolved_policy()
    loaded: dict[tuple[tuple[str, int, int], ...], Policy] = {}

    def present() -> Policy:
        mark = () if source.startswith("builtin:") else _mark(Path(source))
        if mark not in loaded:
            policy = open_policy(settings)
            loaded.clear()
            loaded[mark] = policy
        return loaded[mark]

    return present


def present_people(settings: Settings) -> Callable[[Workspace], Workspace]:
    """Return what gives a workspace the people, keys and trust that apply now: read anew when a file has changed."""
    files = (settings.root / PRINCIPALS_FILE, settings.trust_file)
    keys = settings.home_dir / "keys"
    known: dict[tuple[tuple[str, int, int], ...], Workspace] = {}

    def present(opened: Workspace) -> Workspace:
        mark = _mark(*files) + _marks_in(keys)
        if mark not in known:
            fresh = dataclasses.replace(opened, principals=load_principals(files[0]), notary=open_notary(settings))
            known.clear()
            known[mark] = fresh
        return known[mark]

    return present


def _mark(*files: Path) -> tuple[tuple[str, int, int], ...]:
    """Return names, sizes and times of files, as far as they exist."""
    found = []
    for file in files:
        try:
            state = os.stat(file)  # noqa: PTH116  # asked at every request, and several times as fast
        except OSError:
            continue
        found.append((str(file), state.st_size, state.st_mtime_ns))
    return tuple(found)


def _marks_in(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return the same of a folder's files; nothing of a folder that is not there."""
    found = []
    try:
        with os.scandir(folder) as files:
            for file in files:
                state = file.stat()
                found.append((file.name, state.st_size, state.st_mtime_ns))
    except OSError:
        return tuple(found)
    return tuple(sorted(found))
