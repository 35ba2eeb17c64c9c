"""A clock that tests move for the whole program: every module of ours that asks for the present moment asks it.

The service takes no clock: routes, pipeline, store and ledger each ask for the present moment where they need it, and
a run's end, a token's expiry and a leaf's time must move together. So the name ``datetime`` is replaced in every
module of ours that holds it. What is asked is the real clock plus an offset.
"""

import datetime as dt
import sys

_OURS = ("api", "audits", "gatekeeper", "policies")


class _AnyMoment(type(dt.datetime)):
    """Every real moment is an instance of the moved class too."""

    def __instancecheck__(cls, value):
        return isinstance(value, dt.datetime)


class MovedClock:
    """Moves the present moment of the program while it is in use."""

    def __init__(self):
        self.offset = dt.timedelta()
        clock = self

        class Moved(dt.datetime, metaclass=_AnyMoment):
            @classmethod
            def now(cls, tz=None):
                return dt.datetime.now(tz) + clock.offset

        self._moved = Moved
        self._replaced = []

    def now(self):
        """The present moment, as the program sees it."""
        return dt.datetime.now(dt.UTC) + self.offset

    def advance(self, **length):
        """Let time pass."""
        self.offset += dt.timedelta(**length)

    def __enter__(self):
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _OURS and getattr(module, "datetime", None) is dt.datetime:
                module.datetime = self._moved
                self._replaced.append(module)
        return self

    def __exit__(self, *ended):
        while self._replaced:
            self._replaced.pop().datetime = dt.datetime
