"""Where blocking work of a request is done, so that the event loop goes on.

One pool of threads for the whole service. Handing work to it takes a third of what the framework's own pool takes,
which is why routes and the question who calls go through here: twice in every request.
"""

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 40
"""As many as the framework has: most of them wait, for their turn to write or for the registry."""

_POOL: Final = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="gatekeeper-api")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``work`` returns, done in a thread, with the context variables of the caller."""
    context = contextvars.copy_context()
    bound = functools.partial(context.run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_POOL, bound)


def threaded(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Return an endpoint that does its work in a thread; one that is a coroutine already stays what it is."""
    if inspect.iscoroutinefunction(endpoint):
        return endpoint

    @functools.wraps(endpoint)
    async def answer(*args: Any, **kwargs: Any) -> Any:
        return await in_thread(endpoint, *args, **kwargs)

    return answer
