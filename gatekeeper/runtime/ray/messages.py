"""What a gate's process, its driver and the evaluators say to each other: JSON, numbers bit for bit.

Ray itself pickles what crosses it. It is given nothing but bytes, and what comes back is read as JSON.
"""

import json
from pathlib import Path
from typing import Any

from gatekeeper.core.errors import InputError
from regression import ModelError, ModelRef, RegressionError, ShardError, Suite, Task, make_suite
from regression.suites import suite_text


def line(**fields: Any) -> bytes:
    """Return one message."""
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def read(message: bytes) -> dict[str, Any]:
    """Return a message's fields.

    Raises:
        InputError: it is none.
    """
    try:
        found = json.loads(message)
    except ValueError as error:
        raise InputError("A message about a shard cannot be read.") from error
    if not isinstance(found, dict):
        raise InputError("A message about a shard is no object.")
    return found


def plain_ref(ref: ModelRef) -> dict[str, str | None]:
    """Return a reference as its absolute folders."""
    return {"base": str(ref.base.resolve()), "adapter": None if ref.adapter is None else str(ref.adapter.resolve())}


def plain_task(task: Task) -> dict[str, Any]:
    """Return a task without its suite, which travels once; law: ``task_of(plain_task(t), t.suite) == t``."""
    return {
        "name": task.name,
        "model": plain_ref(task.ref),
        "model_digest": task.model_digest,
        "suite": task.suite.digest,
        "dtype": task.dtype,
        "seed": task.seed,
        "batch_tokens": task.batch_tokens,
        "batch_replies": task.batch_replies,
        "rounds": task.rounds,
        "keys": task.keys,
    }


def ref_of(fields: dict[str, Any]) -> ModelRef:
    """Return the reference that folders name."""
    return ModelRef(base=Path(fields["base"]), adapter=None if fields["adapter"] is None else Path(fields["adapter"]))


def task_of(fields: dict[str, Any], suite: Suite) -> Task:
    """Return the task.

    Raises:
        InputError: a field is missing, or the suite is another one.
    """
    try:
        if fields["suite"] != suite.digest:
            raise ValueError("another suite")
        return Task(
            name=str(fields["name"]),
            ref=ref_of(fields["model"]),
            model_digest=str(fields["model_digest"]),
            suite=suite,
            dtype=str(fields["dtype"]),
            seed=int(fields["seed"]),
            batch_tokens=int(fields["batch_tokens"]),
            batch_replies=int(fields["batch_replies"]),
            rounds=tuple(map(int, fields["rounds"])),
            keys=tuple(map(str, fields["keys"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("A shard was asked for in words of another version.", hint="Restart the worker.") from error


def write_suite_body(suite: Suite) -> bytes:
    """Return a suite as JSONL.

    Raises:
        ShardError: it is no suite of rows, so that nobody else can read it.
    """
    try:
        return suite_text(suite).encode()
    except RuntimeError as error:
        raise ShardError(f"the suite {suite.name} cannot be sent to other machines: {error}.") from error


def read_suite_body(body: bytes) -> Suite:
    """Return the suite that JSONL holds; its digest says whether it is the one that was meant."""
    header, *rows = (json.loads(each) for each in body.decode().split("\n") if each.strip())
    return make_suite(header, rows, source=Path("a shard's suite"))


def failure(error: BaseException) -> dict[str, str]:
    """Return what went wrong where a shard was computed."""
    kind = "model" if isinstance(error, ModelError) else "shard"
    if isinstance(error, RegressionError):
        return {"kind": kind, "message": error.message, "hint": error.hint}
    return {"kind": kind, "message": f"{type(error).__name__}: {error}."[:500], "hint": ""}


def error_of(fields: dict[str, Any]) -> RegressionError:
    """Return the error that a failure stands for."""
    kind = ModelError if fields.get("kind") == "model" else ShardError
    return kind(str(fields.get("message"))[:1000], hint=str(fields.get("hint", ""))[:500])
