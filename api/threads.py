"""Where blocking work of a request is done, so that the event loop goes on.

Threads of our own for the whole process. Handing work to them takes a third of what the framework's own pool takes,
which is why routes and the question who calls go through here: twice in every request.
"""

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, TypeVar

from api.one_computes import OneComputes

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 40
"""As many as the framework has: most of them wait, for their turn to write or for the registry."""

TOGETHER: Final = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="gatekeeper-api")
"""For a database on another machine, which does most of the work."""
IN_TURN: Final = OneComputes(THREADS)
"""For a database that is a file: this process does the work."""
EXECUTOR: Final[ContextVar[Executor]] = ContextVar("executor", default=TOGETHER)
"""Whose threads do the present request's work."""


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``work`` returns, done in a thread, with the context variables of the caller."""
    context = contextvars.copy_context()
    bound = functools.partial(context.run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(EXECUTOR.get(), bound)


def threaded(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Return an endpoint that does its work in a thread; one that is a coroutine already stays what it is."""
    if inspect.iscoroutinefunction(endpoint):
        return endpoint

    @functools.wraps(endpoint)
    async def answer(*args: Any, **kwargs: Any) -> Any:
        return await in_thread(endpoint, *args, **kwargs)

    return answer
