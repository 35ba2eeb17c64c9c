"""Models by content: a folder of base weights and, optionally, an adapter on it.

A reference's digest covers every file of both folders, so one changed byte in weights, adapter, tokenizer or template
is another model. The base is loaded once; adapters are attached to it, switched, and taken off. Nothing is loaded but
safetensors, no code of a model runs, and an adapter that does not fit, or that would change the base under the
other adapters, is refused.
"""

import hashlib
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from regression.errors import ModelError
from regression.fused import fuse as fuse_model

MAX_ADAPTERS: Final = 3
"""Adapters kept attached at once; the one unused for longest goes first."""

REVERSIBLE: Final = ("LORA", "LOHA", "LOKR", "IA3", "VERA")
"""PEFT types that leave the base's own weights untouched while attached."""

PLAIN_STARTS: Final = (True, False, "gaussian", "orthogonal", "eva")
"""Values of ``init_lora_weights`` that do not rewrite the base's weights when the adapter is attached."""

_TOKENIZER_FILES: Final = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")
_TEMPLATE: Final = "chat_template.jinja"
_file_digests: dict[tuple[str, int, int, int, int], str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which model is meant."""

    base: Path
    """Folder of full weights."""
    adapter: Path | None = None
    """Folder of an adapter on them; ``None`` for the weights as they are."""

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hexadecimal digits over every file of base and adapter.

        Raises:
            ModelError: a folder is missing or empty, or a file cannot be read.
        """
        parts = {"base": _folder_digest(self.base)}
        if self.adapter is not None:
            parts["adapter"] = _folder_digest(self.adapter)
        return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def base_digest(self) -> str:
        """Digest of the base folder alone."""
        return _folder_digest(self.base)


def _folder_digest(folder: Path) -> str:
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}.", hint="Give a folder that holds safetensors weights.")
    try:
        files = [
            [path.relative_to(folder).as_posix(), _file_digest(path)]
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
    except OSError as error:
        raise ModelError(f"the model folder {folder} cannot be read: {error}.", hint="Check its rights.") from error
    if not files:
        raise ModelError(f"the model folder {folder} is empty.", hint="Give a folder that holds safetensors weights.")
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    """SHA-256 of a file, remembered while name, size, inode and both times stay the same."""
    real = path.resolve()
    stat = real.stat()
    key = (str(real), stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
    if key not in _file_digests:
        with real.open("rb") as file:
            _file_digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _file_digests[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A tokenizer and what is needed to use it without a model."""

    tokenizer: Any
    prefix: tuple[int, ...]
    """Token ids every text starts with: the begin token, if the tokenizer adds one by itself."""
    eos: frozenset[int]
    """Token ids that end a reply."""
    template: bool
    """Whether there is a chat template."""
    largest: int
    """The largest token it knows."""

    def ids(self, text: str) -> list[int]:
        """Token ids of a text, nothing added."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def whole(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text as a model reads it: begun as the tokenizer begins one, unless it says so itself."""
        encoded = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        begin = str(self.tokenizer.decode(list(self.prefix)))
        return [
            list(ids) if begin and text.startswith(begin) else [*self.prefix, *ids]
            for text, ids in zip(texts, encoded, strict=True)
        ]

    def chat(self, messages: tuple[tuple[str, str], ...]) -> list[int]:
        """Token ids of a conversation in the model's chat template, up to where the reply begins.

        Raises:
            ModelError: there is no template, or it fails on these messages.
        """
        if not self.template:
            raise ModelError("the model has no chat template.", hint="Add chat_template.jinja, or ask no chat suites.")
        turns = [{"role": role, "content": content} for role, content in messages]
        try:
            text = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        except Exception as error:  # templates raise whatever they like
            raise ModelError(f"the chat template fails: {error}.", hint="Compare it with the base's.") from error
        return self.ids(text)

    def text(self, tokens: list[int]) -> str:
        """Text of a reply, without special tokens."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))


def encoder_digest(ref: ModelRef) -> str:
    """Return what a reference's tokenizer and template depend on: the base alone, if its adapter brings neither."""
    own = ref.adapter is not None and _holds(ref.adapter, *_TOKENIZER_FILES, _TEMPLATE)
    return ref.digest if own else ref.base_digest


def _holds(folder: Path, *names: str) -> bool:
    return any((folder / name).is_file() for name in names)


def load_encoder(ref: ModelRef) -> Encoder:
    """Load the tokenizer: the adapter's own if its folder holds one, else the base's; the same for the template.

    Raises:
        ModelError: no tokenizer can be loaded without running code.
    """
    from transformers import AutoTokenizer

    folder = ref.adapter if ref.adapter is not None and _holds(ref.adapter, *_TOKENIZER_FILES) else ref.base
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if ref.adapter is not None and _holds(ref.adapter, _TEMPLATE):
            tokenizer.chat_template = (ref.adapter / _TEMPLATE).read_text(encoding="utf-8")
        bare = tokenizer("a", add_special_tokens=False)["input_ids"]
        full = tokenizer("a")["input_ids"]
    except Exception as error:  # the loaders raise many kinds
        raise ModelError(
            f"the tokenizer in {folder} cannot be loaded: {_brief(error)}.", hint="Save it again with save_pretrained."
        ) from error
    adds = bool(full) and full[0] == tokenizer.bos_token_id and bare[:1] != full[:1]
    return Encoder(
        tokenizer=tokenizer,
        prefix=(tokenizer.bos_token_id,) if adds else (),
        eos=frozenset(_end_tokens(ref.base, tokenizer.eos_token_id)),
        template=bool(tokenizer.chat_template),
        largest=max(map(int, tokenizer.get_vocab().values()), default=0),
    )


def _end_tokens(base: Path, own: int | None) -> Iterator[int]:
    if own is not None:
        yield own
    for name in ("generation_config.json", "config.json"):
        try:
            found = json.loads((base / name).read_text(encoding="utf-8")).get("eos_token_id")
        except (OSError, ValueError, AttributeError):
            continue
        if found is not None:
            yield from found if isinstance(found, list) else [found]


class LoadedBase:
    """A base model in memory, with the adapters attached so far."""

    def __init__(self, base: Path, *, dtype: str, device: str, fuse: bool = False) -> None:
        """Load the weights; on request fuse what stands between matrix products.

        Raises:
            ModelError: they are missing, incomplete, truncated, not safetensors, or need code of their own.
        """
        import torch
        from transformers import AutoModelForCausalLM

        self.path = base
        self._device = device
        self._fuse = fuse
        self._peft: Any = None
        self._names: dict[str, str] = {}
        self._count = 0
        if not list(base.glob("*.safetensors")):
            raise ModelError(f"{base} holds no safetensors weights.", hint="Save the model with save_pretrained.")
        try:
            with _quiet():
                model, info = AutoModelForCausalLM.from_pretrained(
                    base,
                    dtype=getattr(torch, dtype),
                    local_files_only=True,
                    use_safetensors=True,
                    trust_remote_code=False,
                    attn_implementation="sdpa",
                    output_loading_info=True,
                )
        except Exception as error:  # the loaders raise many kinds
            raise ModelError(
                f"the model in {base} cannot be loaded: {_brief(error)}.", hint="Check that its files are complete."
            ) from error
        # A weight that is missing is silently drawn at random by the loader.
        if wrong := sorted(map(str, [*info["missing_keys"], *info.get("mismatched_keys", ())])):
            raise ModelError(
                f"the model in {base} lacks {len(wrong)} weights, first {wrong[0]}.",
                hint="Save it again with all its weights.",
            )
        self.model: Any = model.to(device).eval()
        if fuse:
            fuse_model(self.model)

    @property
    def architecture(self) -> str:
        """The configuration's ``model_type``."""
        return str(self.model.config.model_type)

    @property
    def vocabulary(self) -> int:
        """Rows of the input embedding."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    def select(self, adapter: Path | None, digest: str) -> Any:
        """Return the model with this adapter active, and no other; ``None`` gives the base as it was loaded.

        Args:
            adapter: the adapter's folder.
            digest: digest of the reference it belongs to; the adapter is attached once per digest.

        Raises:
            ModelError: the adapter does not fit, is not finite, or would change the base.
        """
        if adapter is None:
            if self._peft is not None:
                self._peft.base_model.disable_adapter_layers()
            return self.model
        if digest not in self._names:
            self._attach(adapter, digest)
        name = self._names[digest] = self._names.pop(digest)
        self._peft.base_model.enable_adapter_layers()
        self._peft.set_adapter(name)
        self._peft.eval()
        return self.model

    def _attach(self, adapter: Path, digest: str) -> None:
        from peft import PeftModel, get_peft_model_state_dict
        from safetensors import safe_open

        kind = _check_adapter(adapter)
        while len(self._names) >= MAX_ADAPTERS:
            self._peft.delete_adapter(self._names.pop(next(iter(self._names))))
        name = f"adapter_{self._count}"
        self._count += 1
        try:
            with safe_open(adapter / "adapter_model.safetensors", "pt") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - the file is no mapping
            if broken := sorted(key for key, value in tensors.items() if not value.isfinite().all()):
                raise ModelError(f"the adapter in {adapter} holds values that are not finite: {broken[0]}.")
            # In the model's own dtype, as a server would run it; peft would otherwise compute adapters in float32.
            with _quiet():
                if self._peft is None:
                    self._peft = PeftModel.from_pretrained(
                        self.model, adapter, adapter_name=name, autocast_adapter_dtype=False, local_files_only=True
                    )
                else:
                    self._peft.load_adapter(adapter, adapter_name=name, autocast_adapter_dtype=False)
            fitted = set(get_peft_model_state_dict(self._peft, adapter_name=name, save_embedding_layers=False))
        except ModelError:
            raise
        except Exception as error:  # the loaders raise many kinds
            self._forget(name)
            raise ModelError(
                f"the adapter in {adapter} does not fit the base in {self.path}: {_brief(error)}.",
                hint="Train it on this base, or name the base it was trained on.",
            ) from error
        if odd := sorted(fitted ^ set(tensors)):
            self._forget(name)
            raise ModelError(
                f"the {kind} adapter in {adapter} does not fit the base in {self.path}: "
                f"{len(odd)} weights have no counterpart, first {odd[0]}.",
                hint="Train it on this base, or name the base it was trained on.",
            )
        self._names[digest] = name

    def _forget(self, name: str) -> None:
        """Take off an adapter that failed half-way; the first one takes its wrapper with it."""
        if self._peft is not None and name in self._peft.peft_config and len(self._peft.peft_config) > 1:
            self._peft.delete_adapter(name)
        elif self._peft is not None or hasattr(self.model, "peft_config"):
            # Layers may already be replaced: what is left is not the base any more, so it is loaded afresh.
            dtype = str(self.model.dtype).removeprefix("torch.")
            fresh = LoadedBase(self.path, dtype=dtype, device=self._device, fuse=self._fuse)
            self.model, self._peft, self._names = fresh.model, None, {}


def _check_adapter(adapter: Path) -> str:
    """Return the adapter's PEFT type, refusing what cannot be attached without changing the base or running code."""
    try:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        kind = str(config["peft_type"]).upper()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{adapter} is no adapter: adapter_config.json cannot be read ({_brief(error)}).",
            hint="Save it again with peft's save_pretrained.",
        ) from error
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter} holds no adapter_model.safetensors.", hint="Save it as safetensors.")
    if kind not in REVERSIBLE:
        raise ModelError(
            f"adapters of type {kind} cannot be scored beside their base.", hint=f"Use one of {', '.join(REVERSIBLE)}."
        )
    if config.get("megatron_config"):
        raise ModelError(
            f"the adapter in {adapter} names a Megatron module to import.", hint="Remove megatron_config."
        )
    if config.get("bias", "none") != "none":
        raise ModelError(
            f"the adapter in {adapter} replaces the base's biases.", hint="Merge it and submit the full weights."
        )
    if config.get("init_lora_weights", True) not in PLAIN_STARTS:
        raise ModelError(
            f"the adapter in {adapter} rewrites the base when attached (init {config['init_lora_weights']!r}).",
            hint="Convert it to a plain LoRA: save_pretrained(path_initial_model_for_weight_conversion=...).",
        )
    scale = config.get("lora_alpha", 1)
    if not isinstance(scale, int | float) or not math.isfinite(scale):
        raise ModelError(f"the adapter in {adapter} has no finite lora_alpha.", hint="Write a finite number.")
    return kind


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the loaders' progress bars and warnings: what matters of them is checked here and becomes an error."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _brief(error: BaseException) -> str:
    """The first line of an error, short enough for one sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(". ")
