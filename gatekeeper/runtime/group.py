"""A child process in a group of its own: how much memory the group holds, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from gatekeeper.runtime.opener import Opener
from gatekeeper.runtime.ray.options import RayOptions

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20
_LOOK_EVERY = 0.05


class Group:
    """The process that computes gates, with whatever it starts itself."""

    def __init__(self, opener: Opener, ray: RayOptions | None = None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gatekeeper.runtime.child",
                    opener.function,
                    opener.argument,
                    str(theirs.fileno()),
                    *([] if ray is None else [ray.to_text()]),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                # A session of its own is a group of its own, and no Ctrl-C of the worker's terminal reaches it.
                start_new_session=True,
            )
        self._talking = ours
        self._talking.settimeout(_LOOK_EVERY)
        self._heard = b""

    @property
    def pid(self) -> int:
        """Number of the process, and of its group."""
        return self._process.pid

    def ask(self, line: bytes) -> None:
        """Send one line; a process that has ended is noticed by :meth:`answer`."""
        try:
            self._talking.settimeout(None)
            self._talking.sendall(line)
        except OSError:
            return
        finally:
            self._talking.settimeout(_LOOK_EVERY)

    def answer(self) -> bytes | None:
        """Return the next line, or ``None`` when none has come within a moment.

        Raises:
            EOFError: the process has ended.
        """
        if b"\n" not in self._heard:
            try:
                piece = self._talking.recv(_MIB)
            except TimeoutError:
                return None
            except OSError as error:
                raise EOFError from error
            if not piece:
                raise EOFError
            self._heard += piece
        line, found, rest = self._heard.partition(b"\n")
        if not found:
            return None
        self._heard = rest
        return line

    def memory(self) -> int:
        """Return the resident memory of the whole group, in MiB; pages that its processes share count for each.

        Only Linux tells; elsewhere it is 0.
        """
        pages = 0
        for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
            if entry.name.isdigit():
                try:
                    # After the name, which may hold anything: state, parent, group.
                    fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                    if int(fields[2]) == self.pid:
                        pages += int((entry / "statm").read_text(encoding="ascii").split()[1])
                except (OSError, ValueError, IndexError):
                    continue  # it has ended meanwhile
        return pages * _PAGE // _MIB

    def how_it_ended(self) -> str:
        """Return in words how the process ended, after waiting for it."""
        code = self._process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"

    def stop(self, grace: float) -> None:
        """End every process of the group: asked first, and after ``grace`` seconds not asked any more."""
        self._signal(signal.SIGTERM)
        until = time.monotonic() + grace
        while self._alive() and time.monotonic() < until:
            time.sleep(_LOOK_EVERY)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._talking.close()

    def _alive(self) -> bool:
        self._process.poll()  # a process nobody waited for still counts as one of its group
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return
