"""Where the program says what it is doing and for how long, for whoever watches: traces, metrics, log lines.

Nobody watches by default, and then a span costs a call and nothing else. Whoever wants to know installs a watcher at
the edge (:func:`watched_by`), as with :mod:`logging`. A span decides nothing and changes nothing: what a watcher
raises is lost. Facts are ids, counts and words of closed sets; never a name, a path, a message or a piece of a model
or of its data. Of an error only its type is told.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import Final, ParamSpec, Protocol, Self, TypeVar

log = logging.getLogger(__name__)

Fact = str | int | float | bool

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Watched(Protocol):
    """One span as one watcher sees it."""

    def told(self, facts: Mapping[str, Fact]) -> None:
        """Take more facts about it."""
        ...

    def ended(self, error: BaseException | None) -> None:
        """Take note of its end; called once, in the thread that began it."""
        ...


class Watcher(Protocol):
    """Told of spans as they begin."""

    def begun(
        self, name: str, facts: Mapping[str, Fact], *, parent: str | None, links: Sequence[str]
    ) -> Watched | None:
        """Return what follows the span; ``None`` where it is of no interest.

        Args:
            name: what is being done, from a closed set.
            facts: what is known of it by now.
            parent: W3C ``traceparent`` of the span it belongs to; ``None`` for the present one of this thread.
            links: ``traceparent`` of spans that it follows without belonging to them.
        """
        ...

    def here(self) -> str | None:
        """Return the ``traceparent`` of this thread's present span, or ``None`` when none is recorded."""
        ...


_watchers: tuple[Watcher, ...] = ()


class Span:
    """One thing that is being done."""

    __slots__ = ("_facts", "_links", "_name", "_parent", "_watched")

    def __init__(self, name: str, facts: Mapping[str, Fact], parent: str | None, links: Sequence[str]) -> None:
        self._name, self._facts, self._parent, self._links = name, facts, parent, links
        self._watched: list[Watched] = []

    def __enter__(self) -> Self:
        for watcher in _watchers:
            try:
                seen = watcher.begun(self._name, self._facts, parent=self._parent, links=self._links)
            except Exception:
                log.exception("a watcher failed")
            else:
                if seen is not None:
                    self._watched.append(seen)
        return self

    def tell(self, **facts: Fact) -> None:
        """Say more about it."""
        for each in self._watched:
            try:
                each.told(facts)
            except Exception:
                log.exception("a watcher failed")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in reversed(self._watched):
            try:
                each.ended(error)
            except Exception:
                log.exception("a watcher failed")


class _Unwatched(Span):
    """The span that nobody watches; one for all, since it holds nothing."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def tell(self, **facts: Fact) -> None:
        """Say nothing."""

    def __exit__(self, *exc: object) -> None:
        """End nothing."""


_NOBODY: Final = _Unwatched("", {}, None, ())


def span(name: str, *, parent: str | None = None, links: Sequence[str] = (), **facts: Fact) -> Span:
    """Return a context manager around something that is being done; the arguments are :meth:`Watcher.begun`'s."""
    return Span(name, facts, parent, links) if _watchers else _NOBODY


def during(name: str, **facts: Fact) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator that puts a span around every call of a function."""

    def around(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def called(*args: _P.args, **more: _P.kwargs) -> _R:
            with Span(name, facts, None, ()) if _watchers else _NOBODY:
                return function(*args, **more)

        return called

    return around


def here() -> str | None:
    """Return the W3C ``traceparent`` of the present span, to hand to another process; ``None`` without traces."""
    for watcher in _watchers:
        if (found := watcher.here()) is not None:
            return found
    return None


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Let a watcher see every span of this process while the block runs."""
    global _watchers  # noqa: PLW0603  # ambient on purpose, as a logging handler is
    _watchers = (*_watchers, watcher)
    try:
        yield
    finally:
        _watchers = tuple(each for each in _watchers if each is not watcher)
