"""Keys and values of what every row of a suite begins with, computed once per model."""

from collections.abc import Sequence
from typing import Any

from transformers.cache_utils import DynamicCache


class Header:
    """A beginning that was read; rows continue from it without a copy being kept of either."""

    def __init__(self, layers: Sequence[tuple[Any, Any]]) -> None:
        self._layers = tuple(layers)

    @classmethod
    def read(cls, model: Any, tokens: Sequence[int]) -> "Header":
        """Read the tokens once, in a batch of their own."""
        import torch

        cache = DynamicCache(config=model.config)
        with torch.inference_mode():
            ids = torch.tensor([list(tokens)], device=model.device)
            model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cls([(layer.keys, layer.values) for layer in cache.layers])

    @property
    def length(self) -> int:
        """Its tokens."""
        return int(self._layers[0][0].shape[-2])

    def continued(self) -> Any:
        """Return a cache that puts the header before every row's own keys and values, and remembers no row."""
        return _Continued(self._layers)


class _Continued(DynamicCache):  # type: ignore[misc]  # the library is not typed
    def __init__(self, layers: Sequence[tuple[Any, Any]]) -> None:
        super().__init__()
        self._header = layers

    def update(self, keys: Any, values: Any, layer: int, *_: Any, **__: Any) -> tuple[Any, Any]:
        import torch

        before = [side.expand(len(keys), -1, -1, -1) for side in self._header[layer]]
        return torch.cat([before[0], keys], dim=-2), torch.cat([before[1], values], dim=-2)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return int(self._header[layer_idx][0].shape[-2])
