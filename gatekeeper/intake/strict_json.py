"""JSON in which every reader sees the same value: UTF-8, one value per document, no key twice.

A duplicated key is the classic way to show a scanner one value and a loader another, so it is an error here. ``NaN``
and the infinities, which Python writes into configs, are read as floats.
"""

import json
from pathlib import Path


class StrictJsonError(ValueError):
    """The bytes are no JSON that two readers would read alike. Never leaves intake or a gate."""


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # the idiom for "first repeated"
        raise StrictJsonError(f"the key {twice!r} stands twice in one object")
    return result


DECODER = json.JSONDecoder(object_pairs_hook=_pairs)
"""The decoder behind every function here; also used piecewise by the row reader."""


def parse_json(data: bytes | str) -> object:
    """Return the one JSON value in ``data``.

    Raises:
        StrictJsonError: not UTF-8, no JSON, a key twice, nested too deeply or a number too long.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return DECODER.decode(text)
    except StrictJsonError:
        raise
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise StrictJsonError("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"{error.msg} at character {error.pos}") from error
    except ValueError as error:
        raise StrictJsonError(str(error)) from error


def read_json_object(path: Path, *, max_bytes: int = 256 << 20) -> dict[str, object]:
    """Return the JSON object a file holds.

    Raises:
        StrictJsonError: as :func:`parse_json`; or the value is no object, or the file is larger than ``max_bytes``.
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise StrictJsonError(f"larger than {max_bytes} bytes")
    value = parse_json(data)
    if not isinstance(value, dict):
        raise StrictJsonError("holds no JSON object")
    return value
