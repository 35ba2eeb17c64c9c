"""Whether an adapter's tensors fit the modules of the base they name, and how large the change they make is.

Low-rank adapters are checked tensor by tensor against the base's headers: A reads what the module reads, B writes what
it writes, both have the rank the config states. Of the other types the modules are looked up and the dimensions that
are fixed by the base compared; what remains is counted as unchecked, never as fitting.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gatekeeper.core.update import UpdateKind
from gatekeeper.gates.weights.tensor_folder import Located
from gatekeeper.intake.tensor_values import matrix, pieces, rows, summarise

_PREFIX = re.compile(r"^base_model\.(model\.)?")
_PART = re.compile(
    r"(?P<module>.+)\.(?P<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)"
    r"(?P<tail>\.weight|\.bias)?"
)
_PLAIN_KEY = re.compile(r"[\w.]+")
_LARGEST_RANK = 4096
_BLOCK = 1 << 20
_PROMPTS = "prompt_embeddings"
_TOKENS = ".trainable_tokens_delta"


@dataclass(slots=True, kw_only=True)
class Fit:
    """What was found while fitting tensors to a base; filled in one pass."""

    misfits: list[tuple[str, str]] = field(default_factory=list)
    """Tensor and sentence."""
    missing_modules: set[str] = field(default_factory=set)
    """Modules that the base does not have."""
    unchecked: list[str] = field(default_factory=list)
    """Tensors whose shape nothing here can check."""
    untargeted: list[str] = field(default_factory=list)
    """Tensors of modules the config does not name: a loader may drop them in silence."""
    relative_norms: dict[str, float] = field(default_factory=dict)
    """Frobenius norm of the change over that of the weight, per module; infinite when it cannot be bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """The settings that decide shapes and size; anything unusable is ``None``."""

    rank: int | None
    rank_pattern: Mapping[str, object]
    alpha: float | None
    alpha_pattern: Mapping[str, object]
    rank_stabilised: bool
    transposed: bool
    """The base stores its weights as (in, out)."""
    targets: tuple[str, ...] | None
    """Names of modules; ``None`` when the config gives a pattern or nothing."""

    @classmethod
    def read(cls, config: Mapping[str, object]) -> "AdapterConfig":
        """Return the settings of an ``adapter_config.json``."""
        targets = config.get("target_modules")
        return cls(
            rank=_natural(config.get("r")),
            rank_pattern=_mapping(config.get("rank_pattern")),
            alpha=_number(config.get("lora_alpha")),
            alpha_pattern=_mapping(config.get("alpha_pattern")),
            rank_stabilised=bool(config.get("use_rslora")),
            transposed=bool(config.get("fan_in_fan_out")),
            targets=tuple(map(str, targets)) if isinstance(targets, list) else None,
        )

    def rank_of(self, module: str) -> int | None:
        """Return the rank the config states for a module; ``None`` when only a pattern could say."""
        if any(not _PLAIN_KEY.fullmatch(key) for key in self.rank_pattern):
            return None
        stated = next((rank for key, rank in self.rank_pattern.items() if _names(key, module)), self.rank)
        return _natural(stated)

    def largest_scale(self, rank: int) -> float:
        """Return the factor before B·A; where a pattern decides, the largest it could be."""
        alphas = [_number(value) for value in (self.alpha, *self.alpha_pattern.values())]
        largest = max(math.inf if alpha is None else abs(alpha) for alpha in alphas)
        return largest / (math.sqrt(rank) if self.rank_stabilised else rank)


def fit_adapter(
    tensors: Mapping[str, Located],
    base: Mapping[str, Located],
    *,
    kind: UpdateKind,
    config: Mapping[str, object],
    base_config: Mapping[str, object],
) -> Fit:
    """Return how an adapter's tensors fit a base.

    Raises:
        OSError: a file ends early or cannot be read.
    """
    fit = Fit()
    settings = AdapterConfig.read(config)
    low_rank: dict[str, dict[str, Located]] = defaultdict(dict)
    for name, found in tensors.items():
        inner = _PREFIX.sub("", name)
        part = _PART.fullmatch(inner) if kind in {UpdateKind.LORA, UpdateKind.DORA} else None
        if part is not None:
            low_rank[part["module"]][part["part"] + (".bias" if part["tail"] == ".bias" else "")] = found
        elif kind is UpdateKind.PREFIX:
            _fit_prompt(fit, name, found, peft_type=str(config.get("peft_type")), base_config=base_config)
        elif inner.endswith(_TOKENS):
            _fit_tokens(fit, inner, found, base, config)
        else:
            _fit_other(fit, name, inner, found, base)
    for module, parts in low_rank.items():
        _fit_low_rank(fit, module, parts, base, settings)
    return fit


def _fit_low_rank(
    fit: Fit, module: str, parts: Mapping[str, Located], base: Mapping[str, Located], settings: AdapterConfig
) -> None:
    weight = weight_of(module, base)
    if weight is None:
        fit.missing_modules.add(module)
        fit.relative_norms[module] = math.inf
        return
    if settings.targets is not None and not any(_names(target, module) for target in settings.targets):
        fit.untargeted.append(module)
    embedding = "lora_embedding_A" in parts or "lora_embedding_B" in parts
    down = parts.get("lora_embedding_A" if embedding else "lora_A")
    up = parts.get("lora_embedding_B" if embedding else "lora_B")
    if down is None or up is None:
        fit.misfits.append((module, "Only one of its two matrices A and B is there."))
        fit.relative_norms[module] = math.inf
        return
    wrong = list(
        _wrong_shapes(parts, down, up, weight, settings.rank_of(module), flip=embedding or settings.transposed)
    )
    fit.misfits.extend(wrong)
    rank = down.entry.shape[0] if down.entry.shape else 0
    if wrong or not 0 < rank <= _LARGEST_RANK:
        fit.relative_norms[module] = math.inf
        return
    scale = settings.largest_scale(rank)
    magnitude = parts.get("lora_magnitude_vector")
    if magnitude is not None:
        turned = embedding or settings.transposed
        fit.relative_norms[module] = math.inf if turned else _dora_norm(down, up, magnitude, weight, scale)
        return
    old = math.sqrt(summarise(weight.file, weight.entry).sum_of_squares)
    fit.relative_norms[module] = _ratio(scale * _product_norm(down, up), old)


def _wrong_shapes(
    parts: Mapping[str, Located], down: Located, up: Located, weight: Located, rank: int | None, *, flip: bool
) -> Iterator[tuple[str, str]]:
    """Yield each matrix whose shape is not what the module and the rank ask for."""
    shape = weight.entry.shape
    if len(shape) < 2:
        yield down.entry.name, f"The module's weight has the shape {list(shape)}, which no low-rank change fits."
        return
    rest = (1,) * (len(shape) - 2)
    reads, writes = ((shape[0],), shape[1]) if flip and not rest else (shape[1:], shape[0])
    stated = rank if rank is not None else (down.entry.shape or (0,))[0]
    for located, wanted in ((down, (stated, *reads)), (up, (writes, stated, *rest))):
        if located.entry.shape != wanted:
            yield (
                located.entry.name,
                f"Its shape is {list(located.entry.shape)}, and module and rank ask for {list(wanted)}.",
            )
    for name in ("lora_magnitude_vector", "lora_B.bias"):
        vector = parts.get(name)
        if vector is not None and vector.entry.count != writes:
            yield vector.entry.name, f"It has {vector.entry.count} values, and the module writes {writes}."


def _product_norm(down: Located, up: Located) -> float:
    """Return ‖B·A‖ without forming it: ‖B·A‖² is the sum over (BᵀB)∘(A·Aᵀ), two matrices of rank by rank."""
    import numpy as np

    a, b = matrix(down.file, down.entry), matrix(up.file, up.entry)
    a, b = a.reshape(a.shape[0], -1), b.reshape(b.shape[0], -1)
    with np.errstate(all="ignore"):
        squared = float(np.sum((b.T @ b) * (a @ a.T)))
    return math.sqrt(max(squared, 0.0)) if math.isfinite(squared) else math.inf


def _dora_norm(down: Located, up: Located, magnitude: Located, weight: Located, scale: float) -> float:
    """Return ‖W' − W‖ / ‖W‖ for W' = m·(W + s·B·A) / ‖W + s·B·A‖, norms over each row of W, a block of rows at a time.

    Source:
        Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", eq. 5.
    """
    import numpy as np

    if not math.isfinite(scale):
        return math.inf
    a, b = matrix(down.file, down.entry), matrix(up.file, up.entry)
    a, b = a.reshape(a.shape[0], -1), b.reshape(b.shape[0], -1)
    lengths = matrix(magnitude.file, magnitude.entry).ravel()
    width = a.shape[1]
    at, change, old = 0, 0.0, 0.0
    with np.errstate(all="ignore"):
        for piece in pieces(weight.file, weight.entry, length=max(1, _BLOCK // width) * width):
            before = piece.astype(np.float64).reshape(-1, width)
            rows = slice(at, at + len(before))
            moved = before + scale * (b[rows] @ a)
            after = moved * (lengths[rows] / np.linalg.norm(moved, axis=1))[:, None]
            change += float(np.sum((after - before) ** 2))
            old += float(np.sum(before**2))
            at += len(before)
    return _ratio(math.sqrt(change), math.sqrt(old)) if math.isfinite(change) else math.inf


def _fit_other(fit: Fit, name: str, inner: str, found: Located, base: Mapping[str, Located]) -> None:
    """Fit a whole tensor that replaces one of the base, or note what cannot be checked of anything else."""
    replaced = _lookup(inner.replace(".base_layer.", "."), base)
    if replaced is not None:
        if replaced.entry.shape != found.entry.shape:
            why = f"Its shape is {list(found.entry.shape)}, the base's {list(replaced.entry.shape)}."
            fit.misfits.append((name, why))
            fit.relative_norms[inner] = math.inf
        else:
            fit.relative_norms[inner] = relative_difference(found, replaced)
        return
    words = inner.split(".")
    modules = (".".join(words[:cut]) for cut in range(len(words) - 1, 0, -1))
    if len(words) > 1 and not any(weight_of(module, base) is not None for module in modules):
        fit.missing_modules.add(inner)
    fit.unchecked.append(name)
    fit.relative_norms[inner] = math.inf


def _fit_tokens(
    fit: Fit, inner: str, found: Located, base: Mapping[str, Located], config: Mapping[str, object]
) -> None:
    """Fit rows that replace those of some tokens; the config says which."""
    import numpy as np

    module = inner.removesuffix(_TOKENS).removesuffix(".token_adapter")
    weight = weight_of(module, base)
    fit.relative_norms[inner] = math.inf
    if weight is None or len(weight.entry.shape) != 2:
        fit.missing_modules.add(module)
        return
    stated = config.get("token_indices", config.get("trainable_token_indices"))
    if isinstance(stated, Mapping):
        stated = next((value for key, value in stated.items() if _names(str(key), module)), None)
    count, width = weight.entry.shape
    tokens = stated if isinstance(stated, list) else []
    if found.entry.shape != (len(tokens), width) or not all(_is_row(token, count) for token in tokens):
        fit.misfits.append((inner, f"Its shape is {list(found.entry.shape)}, for {len(tokens)} tokens of {width}."))
        return
    change = np.linalg.norm(matrix(found.file, found.entry) - rows(weight.file, weight.entry, tokens))
    old = math.sqrt(summarise(weight.file, weight.entry).sum_of_squares)
    fit.relative_norms[inner] = _ratio(float(change), old)


def _is_row(value: object, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def _fit_prompt(fit: Fit, name: str, found: Located, *, peft_type: str, base_config: Mapping[str, object]) -> None:
    """Fit the vectors put before the prompt; they change no weight of the base."""
    width = _natural(base_config.get("hidden_size"))
    heads = _natural(base_config.get("num_attention_heads"))
    layers = _natural(base_config.get("num_hidden_layers"))
    if _PROMPTS not in name or width is None or heads is None or layers is None:
        fit.unchecked.append(name)
        return
    keys = _natural(base_config.get("num_key_value_heads")) or heads
    per_head = _natural(base_config.get("head_dim")) or width // heads
    wanted = layers * 2 * keys * per_head if peft_type in {"PREFIX_TUNING", "CARTRIDGE"} else width
    if len(found.entry.shape) != 2 or found.entry.shape[1] != wanted:
        fit.misfits.append((name, f"Its shape is {list(found.entry.shape)}, and the base asks for rows of {wanted}."))


def relative_difference(found: Located, replaced: Located) -> float:
    """Return ‖new − old‖ / ‖old‖ of two tensors of one shape, read side by side.

    Raises:
        OSError: a file ends early or cannot be read.
    """
    import numpy as np

    change = old = 0.0
    with np.errstate(all="ignore"):
        for ours, theirs in zip(pieces(found.file, found.entry), pieces(replaced.file, replaced.entry), strict=True):
            before = theirs.astype(np.float64)
            moved = ours.astype(np.float64) - before
            change += float(np.dot(moved, moved))
            old += float(np.dot(before, before))
    return _ratio(math.sqrt(change), math.sqrt(old)) if math.isfinite(change) and math.isfinite(old) else math.inf


def weight_of(module: str, base: Mapping[str, Located]) -> Located | None:
    """Return the weight of a module in the base, which may be saved with or without the outer ``model.``."""
    return _lookup(f"{module}.weight", base)


def _lookup(name: str, base: Mapping[str, Located]) -> Located | None:
    for alias in (name, name.removeprefix("model."), f"model.{name}"):
        if alias in base:
            return base[alias]
    if name.rpartition("model.")[2] == "lm_head.weight":  # tied: the output reads the embedding's weight
        return next((found for key, found in base.items() if key.endswith("embed_tokens.weight")), None)
    return None


def _ratio(change: float, old: float) -> float:
    if change == 0:
        return 0.0
    return change / old if old > 0 and math.isfinite(change) else math.inf


def _names(key: str, module: str) -> bool:
    return module == key or module.endswith(f".{key}")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    """Return a finite number, or ``None``: JSON can hold infinities and integers that no float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _natural(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
