"""The settings in a model's JSON files that make a loader import, download or open something else.

Each is legal JSON and looks like data; each was read in the loaders of transformers and PEFT. Keys are looked for at
every depth, because configs nest (a vision model's text config, a list of adapters).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFact:
    """One setting that leaves the folder."""

    message: str
    is_path: bool
    """True when it makes a loader open another file, False when it makes it run code."""


def _is_set(value: object) -> bool:
    return value not in (None, False, "", [], {})


def _foreign_library(value: object) -> bool:
    """Return whether PEFT's ``auto_mapping`` imports anything but transformers or PEFT itself."""
    if not isinstance(value, Mapping):
        return value is not None
    library = value.get("parent_library")
    return library is not None and not (
        isinstance(library, str) and re.fullmatch(r"(transformers|peft)(\.\w+)*", library)
    )


def _names_a_kernel(value: object) -> bool:
    """Return whether an attention implementation is a repository of code rather than a built-in name."""
    values = value.values() if isinstance(value, Mapping) else (value,)
    return any(isinstance(item, str) and ("/" in item or ":" in item) for item in values)


def _not_default_megatron(value: object) -> bool:
    return value not in (None, "megatron.core")


def _leaves_folder(value: object) -> bool:
    """Return whether a file name is anything but the plain name of a safetensors or vocabulary file."""
    return _is_set(value) and not (
        isinstance(value, str) and re.fullmatch(r"[\w.-]+\.(safetensors|json|txt|model)", value)
    )


_RUNS: Mapping[str, tuple[Callable[[object], bool], str]] = MappingProxyType(
    {
        "auto_map": (_is_set, "names classes to import from code beside the weights or on the Hub"),
        "trust_remote_code": (_is_set, "asks the loader to trust code it downloads"),
        "custom_pipelines": (_is_set, "names pipeline code to import"),
        "custom_generate": (_is_set, "names generation code to import"),
        "auto_mapping": (_foreign_library, "makes PEFT import a library of its choice"),
        "megatron_core": (_not_default_megatron, "makes PEFT import a module of its choice"),
        "megatron_config": (_is_set, "makes PEFT import Megatron"),
        "attn_implementation": (_names_a_kernel, "names a kernel that would be downloaded and run"),
        "_attn_implementation": (_names_a_kernel, "names a kernel that would be downloaded and run"),
        "experts_implementation": (_names_a_kernel, "names a kernel that would be downloaded and run"),
        "_experts_implementation": (_names_a_kernel, "names a kernel that would be downloaded and run"),
        "use_kernels": (_is_set, "asks for kernels that would be downloaded and run"),
        "kernel_config": (_is_set, "names kernels that would be downloaded and run"),
    }
)
_OPENS: Mapping[str, tuple[Callable[[object], bool], str]] = MappingProxyType(
    {
        "cache_file": (_is_set, "names a file that PEFT would unpickle"),
        "covariance_file": (_is_set, "names a file that PEFT would unpickle"),
        "prompt_tuning_init_state_dict_path": (_is_set, "names a file that PEFT would unpickle"),
        "transformers_weights": (_leaves_folder, "names another file of weights"),
        "vocab_file": (_leaves_folder, "names a vocabulary outside the folder"),
        "merges_file": (_leaves_folder, "names a vocabulary outside the folder"),
        "tokenizer_file": (_leaves_folder, "names a tokenizer outside the folder"),
    }
)
_SHARD = re.compile(r"[\w-]+(\.[\w-]+)*\.safetensors")


def code_in_config(file: str, config: Mapping[str, object]) -> Iterator[CodeFact]:
    """Yield each setting of a JSON file that would run code or open a file outside what was checked.

    A vocabulary is no config: in ``vocab.json`` and ``tokenizer.json`` every word of a language may be a key, and no
    loader reads settings there.
    """
    if file in {"vocab.json", "tokenizer.json", "added_tokens.json"}:
        return
    yield from _walk(config, "")
    if file.endswith(".index.json"):
        weight_map = config.get("weight_map")
        values = weight_map.values() if isinstance(weight_map, Mapping) else [weight_map]
        for value in sorted({repr(value) for value in values if not _is_shard(value)}):
            yield CodeFact(message=f"Its weight_map leads to {value[:120]}, which is no shard here.", is_path=True)


def _is_shard(value: object) -> bool:
    return isinstance(value, str) and bool(_SHARD.fullmatch(value))


def _walk(value: object, where: str) -> Iterator[CodeFact]:
    pending = [(value, where)]
    while pending:
        item, path = pending.pop()
        if isinstance(item, Mapping):
            for key, below in item.items():
                name = f"{path}.{key}" if path else str(key)
                for table, is_path in ((_RUNS, False), (_OPENS, True)):
                    test, why = table.get(key, (None, ""))
                    if test is not None and test(below):
                        yield CodeFact(message=f"Its setting {name[:200]} {why}.", is_path=is_path)
                pending.append((below, name))
        elif isinstance(item, list):
            pending.extend((below, f"{path}[{at}]") for at, below in enumerate(item))
