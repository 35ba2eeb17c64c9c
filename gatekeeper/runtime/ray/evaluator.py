"""What runs on the cluster: an actor that keeps a base model loaded and computes one shard after the other.

It loads nothing whose bytes it has not compared with the digest that was asked for, answers in JSON, and ends by
itself when nobody asks it for a while. What it knows can be lost at any time. Errors are answers too: an exception
would cross the cluster as a pickle.
"""

import logging
import os
import socket
import threading
import time
from collections import OrderedDict
from typing import Any

from gatekeeper.runtime.ray.cluster import code_digest
from gatekeeper.runtime.ray.messages import failure, line, read, read_suite_body, ref_of, task_of
from regression import Session, ShardError, Suite
from regression.device import torch_device
from regression.session import ENGINE
from regression.shards import write_answers

log = logging.getLogger("gatekeeper.runtime")

_SUITES = 8
_REMEMBERED = 4
_LOOK_EVERY = 1.0


class Evaluator:
    """Computes shards; every method takes and gives bytes."""

    def __init__(self, idle_seconds: float) -> None:
        self._session: Session | None = None
        self._suites: OrderedDict[str, Suite] = OrderedDict()
        self._answered: OrderedDict[str, bytes] = OrderedDict()
        self._asked, self._busy = time.monotonic(), False
        threading.Thread(target=self._end_when_idle, args=(idle_seconds,), daemon=True).start()

    def hello(self) -> bytes:
        """Say what would compute here."""
        device = torch_device("auto")
        return line(code=code_digest(), engine=ENGINE, device=device, node=socket.gethostname(), pid=os.getpid())

    def about(self, asked: bytes) -> bytes:
        """Return the circumstances under which a model would be evaluated here, after comparing its files."""
        self._asked = time.monotonic()
        try:
            fields = read(asked)
            ref = ref_of(fields["model"])
            if ref.digest != fields["model_digest"]:
                raise ShardError(
                    f"{socket.gethostname()} sees other files in {ref.adapter or ref.base} than the worker.",
                    hint="Give every machine the same folder.",
                )
            session = self._of(fields["dtype"])
            return line(about=session.circumstances(ref))
        except Exception as error:
            log.exception("a model cannot be evaluated here")
            return line(failed=failure(error))

    def answer(self, task: bytes, suite: bytes) -> bytes:
        """Return the answers of a shard; asked again, the same bytes."""
        self._asked, self._busy = time.monotonic(), True
        try:
            fields = read(task)
            if fields["name"] not in self._answered:
                asked = task_of(fields, self._suite(fields["suite"], suite))
                session = self._of(asked.dtype)
                body = write_answers(session.answer(asked))
                session.forget()
                self._answered[asked.name] = line(
                    answers=body.decode(), where=f"{socket.gethostname()[:30]} {os.getpid()}"
                )
                while len(self._answered) > _REMEMBERED:
                    self._answered.popitem(last=False)
            return self._answered[fields["name"]]
        except Exception as error:
            log.exception("a shard failed")
            return line(failed=failure(error))
        finally:
            self._asked, self._busy = time.monotonic(), False

    def _of(self, dtype: str) -> Session:
        if self._session is None or self._session.dtype != dtype:
            if self._session is not None:
                self._session.close()
            self._session = Session(None, dtype=dtype)
        return self._session

    def _suite(self, digest: str, body: bytes) -> Suite:
        if digest not in self._suites:
            suite = read_suite_body(body)
            if suite.digest != digest:
                raise ShardError("the suite that was sent is another one.", hint="Restart the worker.")
            self._suites[digest] = suite
            while len(self._suites) > _SUITES:
                self._suites.popitem(last=False)
        self._suites.move_to_end(digest)
        return self._suites[digest]

    def _end_when_idle(self, seconds: float) -> None:
        while self._busy or time.monotonic() - self._asked < seconds:
            time.sleep(_LOOK_EVERY)
        os._exit(0)


def refusal(hello: bytes) -> str | None:
    """Return why an evaluator must not be used; ``None`` when it runs this code."""
    said: dict[str, Any] = read(hello)
    if (said.get("code"), said.get("engine")) == (code_digest(), ENGINE):
        return None
    return f"The node {said.get('node')} runs another version of gatekeeper than the worker."
