"""Rows with personal data replaced by its type, everything else as it was read.

A record keeps its columns, their order, nested parts, numbers and nulls; only texts that hold a span change.
"""

from collections.abc import Iterator, Mapping, Sequence

from gatekeeper.gates.data.reading.spans import Span


def redacted(text: str, spans: Sequence[Span]) -> str:
    """Return the text with each span replaced by ``<TYPE>``.

    Spans that overlap become one, under the type of the first (of equal starts the longest), so that nothing of either
    remains.
    """
    pieces, at = [], 0
    for start, end, type_ in _joined(sorted(spans, key=lambda span: (span.start, -span.end))):
        pieces += [text[at:start], f"<{type_}>"]
        at = end
    return "".join([*pieces, text[at:]])


def _joined(ordered: Sequence[Span]) -> Iterator[tuple[int, int, str]]:
    current: tuple[int, int, str] | None = None
    for span in ordered:
        if current is not None and span.start < current[1]:
            current = (current[0], max(current[1], span.end), current[2])
            continue
        if current is not None:
            yield current
        current = (span.start, span.end, span.type)
    if current is not None:
        yield current


def redacted_record(record: Mapping[str, object], spans: Sequence[Span]) -> dict[str, object]:
    """Return the record with the spans of its fields replaced; ``Span.field`` is the path that intake gives a text."""
    by_field: dict[str, list[Span]] = {}
    for span in spans:
        by_field.setdefault(span.field, []).append(span)
    return {key: _copied(value, key, by_field) for key, value in record.items()}


def _copied(value: object, path: str, spans: Mapping[str, Sequence[Span]]) -> object:
    match value:
        case str() if path in spans:
            return redacted(value, spans[path])
        case bool():
            return value
        case int() | float() if path in spans:
            return redacted(str(value), spans[path])
        case dict():
            return {key: _copied(item, f"{path}.{key}", spans) for key, item in value.items()}
        case list() | tuple():
            return [_copied(item, f"{path}[{at}]", spans) for at, item in enumerate(value)]
    return value
