"""Inputs of layer k, kept for models that are equal below it.

An update that only touches layers from k on gives every layer below the numbers that its champion gave. So the input
of layer k is written to a file the first time it is computed, under a key over everything it depends on, and the next
model that is equal up to there begins at layer k: with the same bits, without the work below. Which models are equal
is read from the bytes of their weights (``layer_digests``), never from what an update says about itself.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from regression.layer_digests import layer_digests
from regression.models import ModelRef

LIMIT: Final = 4 << 30
"""Bytes kept on disk; what was unused for longest goes first."""
MODELS: Final = 64
"""Models remembered, so that a new one finds what it is equal to."""
_FILE, _MODELS = ".input", "models.json"


class Trunks:
    """Files of layer inputs in one folder."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._size: int | None = None

    def below(self, ref: ModelRef) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return the layers whose input is worth keeping for a model, deepest first, and its layers' digests.

        These are the layers up to which it equals its own base or a model asked about before, a quarter of all layers
        or more. The model is remembered.
        """
        try:
            chain = layer_digests(ref)
            base = layer_digests(ModelRef(base=ref.base)) if ref.adapter is not None else ()
        except (OSError, ValueError, KeyError):
            return (), ()
        seen = self._models()
        shared = {_common(chain, base), *(_common(chain, other) for name, other in seen.items() if name != ref.digest)}
        seen.pop(ref.digest, None)
        seen[ref.digest] = list(chain)
        with suppress(OSError):
            self._write(self._folder / _MODELS, json.dumps(dict(list(seen.items())[-MODELS:])).encode())
        least = max(1, len(chain) // 4)
        return tuple(sorted((k for k in shared if k >= least), reverse=True)), chain

    def read(self, key: str) -> Any | None:
        """Return the tensor under a key; ``None`` where there is none or it is damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self._folder / (key + _FILE)
        try:
            content = path.read_bytes()
            if hashlib.sha256(content[32:]).digest() != content[:32]:
                return None
            tensor = load(content[32:])["input"]
            os.utime(path)
        except (OSError, SafetensorError, KeyError):
            return None
        return tensor

    def keep(self, key: str, tensor: Any) -> None:
        """Write a tensor; where the disk is full nothing is kept, which costs time and no result."""
        from safetensors.torch import save

        content = save({"input": tensor.contiguous().cpu()})
        self._make_room(len(content))
        with suppress(OSError):
            self._write(self._folder / (key + _FILE), hashlib.sha256(content).digest() + content)

    def _models(self) -> dict[str, list[str]]:
        try:
            found = json.loads((self._folder / _MODELS).read_text(encoding="utf-8"))
            return {str(digest): [str(one) for one in chain] for digest, chain in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def _make_room(self, more: int) -> None:
        if self._size is None or self._size + more > self._limit:
            files = sorted((stat.st_mtime, stat.st_size, path) for path, stat in self._files())
            self._size = sum(size for _, size, _ in files)
            for _, size, path in files:
                if self._size + more <= self._limit:
                    break
                path.unlink(missing_ok=True)
                self._size -= size
        self._size += more

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._folder.glob(f"*{_FILE}"):
            with suppress(OSError):  # another process may have made room
                yield path, path.stat()

    def _write(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


class Trunk:
    """One model's way into the store, for one batch."""

    def __init__(self, store: Trunks, depths: Sequence[int], chain: Sequence[str], about: Mapping[str, Any]) -> None:
        """Look from the deepest of the depths on.

        Args:
            store: where inputs are kept.
            depths: layers whose input may be kept, deepest first; at least one.
            chain: ``layer_digests`` of the model.
            about: everything else that the inputs depend on.
        """
        self._store = store
        self._depths = tuple(depths)
        self._chain = chain
        self._about = dict(about)

    def _key(self, depth: int, part: int) -> str:
        parts = {**self._about, "below": self._chain[depth], "layer": depth, "part": part}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @contextmanager
    def grown(self, model: Any, part: int, shape: tuple[int, int]) -> Iterator[dict[str, Any]]:
        """Yield what the model is given instead of ``input_ids``, if anything, while it starts at a later layer.

        Where no input is kept, the deepest layer's is, once the model ran.

        Args:
            model: a causal language model whose layers stand in ``model.model.layers``.
            part: which of the batch's parts runs.
            shape: rows and tokens that run.
        """
        import torch

        for depth in self._depths:
            kept = self._store.read(self._key(depth, part))
            if kept is None or tuple(kept.shape[:2]) != shape or kept.dtype != model.dtype:
                continue
            layers = model.model.layers
            model.model.layers = layers[depth:]
            try:
                yield {"inputs_embeds": kept.to(model.device)}
            finally:
                model.model.layers = layers
            return
        depth = self._depths[0]
        caught: list[torch.Tensor] = []
        hook = model.model.layers[depth].register_forward_pre_hook(lambda _, given: caught.append(given[0]))
        try:
            yield {}
        finally:
            hook.remove()
        self._store.keep(self._key(depth, part), caught[0])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the deepest layer whose digest both share; -1 for none."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))) - 1
