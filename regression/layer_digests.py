"""What a model is up to each of its layers, as digests: models with one digest there give that layer one input."""

import hashlib
import json
import mmap
import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from regression.models import ModelRef

_LAYER: Final = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_ABOVE: Final = re.compile(r"(?:^|\.)(?:lm_head\.|model\.norm\.)")
_NO_MATTER: Final = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
"""Settings that no number inside a layer depends on."""


def layer_digests(ref: ModelRef) -> tuple[str, ...]:
    """Return one SHA-256 per layer k: over settings, embedding, and everything of base and adapter below layer k.

    Empty when a name of a weight does not say to which layer it belongs.

    Raises:
        OSError: a file cannot be read.
    """
    base = _parts(ref.base_digest, ref.base)
    if not base:
        return ()
    adapter = _parts_of(ref.adapter) if ref.adapter is not None else {}
    if adapter is None or -1 in adapter:
        return ()
    chain = [base[0]]
    for k, own in enumerate(base[1:-1]):
        more = f"{adapter[k]} {_settings(ref.adapter, 'adapter_config.json')}" if ref.adapter and k in adapter else ""
        chain.append(hashlib.sha256(f"{chain[-1]} {own} {more}".encode()).hexdigest())
    return tuple(chain)


@lru_cache(maxsize=8)
def _parts(_: str, base: Path) -> tuple[str, ...]:
    """Return the digest of what stands before the layers, then one of each layer; empty where it is not known."""
    found = _parts_of(base)
    if found is None or sorted(found) != list(range(-1, len(found) - 1)):
        return ()
    before = hashlib.sha256(f"{_settings(base, 'config.json')} {found.pop(-1)}".encode()).hexdigest()
    return (before, *(found[k] for k in sorted(found)))


def _settings(folder: Path | None, name: str) -> str:
    settings = json.loads((folder / name).read_text(encoding="utf-8")) if folder is not None else {}
    return json.dumps({key: value for key, value in settings.items() if key not in _NO_MATTER}, sort_keys=True)


def _parts_of(folder: Path) -> dict[int, str] | None:
    """Return a digest over the weights of each layer, -1 being what stands before the first.

    Weights above the last layer are left out. ``None`` when a name says nothing.
    """
    sums: dict[int, Any] = {}
    for name, kind, shape, content in _weights(folder):
        layer = _LAYER.search(name)
        if layer is None and _ABOVE.search(name):
            continue
        if layer is None and "embed_tokens" not in name:
            return None
        place = int(layer[1]) if layer else -1
        own = sums.setdefault(place, hashlib.sha256())
        own.update(json.dumps([name, kind, shape]).encode())
        own.update(content)
    return {place: own.hexdigest() for place, own in sums.items()}


def _weights(folder: Path) -> Iterator[tuple[str, str, list[int], memoryview]]:
    """Yield name, type, shape and bytes of every tensor, by name."""
    places: dict[str, tuple[Path, int, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        places |= {name: (path, 8 + size, about) for name, about in header.items()}
    for name, (path, start, about) in sorted(places.items()):
        first, last = about["data_offsets"]
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view,
            memoryview(view) as whole,
            whole[start + first : start + last] as content,
        ):
            yield name, about["dtype"], about["shape"], content
