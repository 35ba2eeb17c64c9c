"""Under which test a kind of personal data flags its row, and what would release it."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from gatekeeper.gates.data.personal.kinds import CLASSES, PiiClass
from gatekeeper.gates.data.reading.flags import SpanTest

_TESTS: Mapping[PiiClass, SpanTest] = MappingProxyType(
    {
        PiiClass.HIGH_RISK: SpanTest(
            name="high-risk",
            release="Take it out or replace it by a made-up one, or a named reviewer finds that it is nobody's.",
        ),
        PiiClass.CONTACT: SpanTest(
            name="contact",
            release="Take it out or replace it, or a named reviewer finds that it is public, such as a hotline.",
        ),
        PiiClass.PERSON: SpanTest(
            name="person",
            release="Replace the name, or a named reviewer finds that the person is public or made up.",
        ),
        PiiClass.DETAIL: SpanTest(
            name="detail",
            release="Take it out, or a named reviewer finds that it points at nobody.",
        ),
    }
)


def tests_for(classes: Collection[str]) -> Mapping[str, SpanTest]:
    """Return the test of each type of personal data whose class is among ``classes``.

    Raises:
        ValueError: a class is none of :class:`PiiClass`.
    """
    wanted = {PiiClass(name) for name in classes}
    return {type_: _TESTS[kind] for type_, kind in CLASSES.items() if kind in wanted}
