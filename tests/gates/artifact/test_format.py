import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from gatekeeper.core.findings import Severity, Status, report_from_plain
from gatekeeper.gates.artifact.format import artifact_format
from gatekeeper.intake.artifact import read_artifact

PICKLE = pickle.dumps({"a": 1}, protocol=4)
TEXT_PICKLE = b"cposix\nsystem\n(S'true'\ntR."


def _zip(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return buffer.getvalue()


def _header(header: object, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def _facts(report) -> set[tuple[str, str]]:
    return {(finding.code.removeprefix("artifact/format/"), finding.subject) for finding in report.findings}


def test_a_plain_adapter_has_no_finding_and_every_count_is_zero(adapter, context_of):
    (adapter / "README.md").write_text("# An adapter\n\nconfig\nand so on.")
    (adapter / "LICENSE").write_text("Apache")

    report = artifact_format(context_of(adapter))

    assert report.status is Status.MEASURED
    assert report.findings == ()
    assert {metric.name: metric.value for metric in report.metrics if metric.value} == {"files": 4}


def test_a_report_survives_storage(adapter, context_of):
    (adapter / "x.pkl").write_bytes(PICKLE)

    report = artifact_format(context_of(adapter))

    assert report_from_plain(report.to_plain()) == report


@pytest.mark.parametrize(
    ("name", "data", "fact"),
    [
        pytest.param("adapter_model.bin", PICKLE, "pickle", id="a pickle beside the weights"),
        pytest.param("training_args.bin", _zip("archive/data.pkl", PICKLE), "pickle", id="a torch save"),
        pytest.param("OPTIMIZER.PT", b"x", "pickle", id="an upper-case ending"),
        pytest.param("weights.pkl ", b"x", "pickle", id="a space after the ending"),
        pytest.param("weights.pkl.", b"x", "pickle", id="a dot after the ending"),
        pytest.param("model.safetensors.pkl", b"x", "pickle", id="a double ending"),
        pytest.param("special_tokens_map.json", PICKLE, "pickle", id="a pickle called JSON"),
        pytest.param("README.md", TEXT_PICKLE, "pickle", id="a text pickle called a readme"),
        pytest.param("vocab.txt", b"(cposix\nsystem\nS'true'\no.", "pickle", id="an OBJ pickle called a vocabulary"),
        pytest.param("merges.txt", b"(S'true'\niposix\nsystem\n.", "pickle", id="an INST pickle called merges"),
        pytest.param("tokenizer.model", PICKLE, "pickle", id="a pickle called a sentencepiece model"),
        pytest.param("tokenizer.model", b"\x93NUMPY\x01\x00", "pickle", id="NumPy called a sentencepiece model"),
        pytest.param("a.joblib", b"x", "pickle", id="joblib"),
        pytest.param("a.npy", b"x", "pickle", id="npy"),
        pytest.param("a.h5", b"x", "pickle", id="h5"),
        pytest.param("a.ckpt", b"x", "pickle", id="ckpt"),
        pytest.param("modeling_custom.py", b"import os", "program", id="python"),
        pytest.param("deep/er/setup.py", b"import os", "program", id="python in a nested folder"),
        pytest.param(".hidden.so", b"x", "program", id="a hidden library"),
        pytest.param("tokenizer.model", b"\x7fELF\x02\x01", "program", id="ELF called a sentencepiece model"),
        pytest.param("LICENSE", b"MZ\x90\x00", "program", id="PE called a licence"),
        pytest.param("README.md", b"#!/bin/sh\ntrue\n", "program", id="a script called a readme"),
        pytest.param("weights.zip", _zip("a", b"b"), "archive", id="zip"),
        pytest.param("NOTICE", _zip("a", b"b"), "archive", id="a zip called a notice"),
        pytest.param("README.md", b"# Hello\n" + _zip("a", b"b"), "archive", id="a zip behind a readme"),
        pytest.param(
            "README.md", b"# Hi\n" + _zip("data.pkl", b"b") + b"\n", "pickle", id="a zip with a byte after it"
        ),
        pytest.param("LICENSE", gzip.compress(b"x"), "archive", id="gzip"),
        pytest.param("LICENSE", _tar(), "archive", id="tar"),
        pytest.param("adapter_сonfig.json", b"{}", "unlisted", id="a Cyrillic letter in the name"),
        pytest.param("Config.JSON", b"{}", "unlisted", id="a listed name in another case"),
        pytest.param("sub/adapter_config.json", b"{}", "unlisted", id="a second adapter in a folder"),
        pytest.param("model.gguf", b"GGUF", "unlisted", id="a format we do not read"),
        pytest.param("notes", b"x", "unlisted", id="an unknown file"),
        pytest.param("README.md", b"\xff\xfe", "malformed-text", id="a text that is not UTF-8"),
        pytest.param("README.md", b"a\x00b", "malformed-text", id="a text with zero bytes"),
        pytest.param("config.json", b"{", "malformed-config", id="a config that is no JSON"),
        pytest.param("config.json", b"[]", "malformed-config", id="a config that is a list"),
        pytest.param("config.json", b'{"a":1,"a":2}', "malformed-config", id="a config with a key twice"),
        pytest.param("config.json", b"[" * 100_000, "malformed-config", id="a config nested without end"),
    ],
)
def test_a_file_that_may_not_be_there_is_reported(adapter, context_of, name, data, fact):
    (adapter / name).parent.mkdir(parents=True, exist_ok=True)
    (adapter / name).write_bytes(data)

    report = artifact_format(context_of(adapter))

    assert (fact, name) in _facts(report)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        pytest.param("config.json", {"auto_map": {"AutoModel": "m.M"}}, id="auto_map"),
        pytest.param("config.json", {"text_config": {"deep": [{"auto_map": {"AutoModel": "o/r--m.M"}}]}}, id="nested"),
        pytest.param("tokenizer_config.json", {"auto_map": ["tok.Tok", None]}, id="auto_map as a list"),
        pytest.param("generation_config.json", {"trust_remote_code": True}, id="trust_remote_code"),
        pytest.param("generation_config.json", {"custom_generate": "o/r"}, id="custom_generate"),
        pytest.param("config.json", {"attn_implementation": "org/kernel"}, id="a kernel from the Hub"),
        pytest.param("config.json", {"_attn_implementation": {"text": "org/kernel:f"}}, id="a kernel by part"),
        pytest.param("adapter_config.json", {"auto_mapping": {"parent_library": "evil"}}, id="PEFT's auto_mapping"),
        pytest.param(
            "adapter_config.json", {"auto_mapping": {"parent_library": "transformers_evil.m"}}, id="a library alike"
        ),
        pytest.param("adapter_config.json", {"megatron_core": "evil"}, id="PEFT's megatron_core"),
        pytest.param("adapter_config.json", {"megatron_config": {"a": 1}}, id="PEFT's megatron_config"),
        pytest.param("adapter_config.json", {"tokenizer_kwargs": {"trust_remote_code": 1}}, id="tokenizer arguments"),
        pytest.param("extra.json", {"auto_map": {"AutoModel": "m.M"}}, id="an unlisted JSON file"),
    ],
)
def test_a_setting_that_runs_code_is_reported(adapter, context_of, name, config):
    (adapter / name).write_text(json.dumps({"peft_type": "LORA", **config}))

    report = artifact_format(context_of(adapter))

    assert ("remote-code", name) in _facts(report)
    assert report.metric("remote_code").value >= 1


@pytest.mark.parametrize(
    ("name", "config"),
    [
        pytest.param(
            "adapter_config.json", {"corda_config": {"cache_file": "/tmp/x.pt"}}, id="a cache PEFT unpickles"
        ),
        pytest.param("config.json", {"transformers_weights": "../x.bin"}, id="other weights"),
        pytest.param("tokenizer_config.json", {"vocab_file": "/etc/passwd"}, id="a vocabulary outside"),
        pytest.param(
            "model.safetensors.index.json", {"weight_map": {"w": "../../x.safetensors"}}, id="a shard outside"
        ),
        pytest.param("model.safetensors.index.json", {"weight_map": {"w": "x.bin"}}, id="a pickled shard"),
        pytest.param("model.safetensors.index.json", {"weight_map": ["x"]}, id="an index that is a list"),
    ],
)
def test_a_setting_that_opens_another_file_is_reported(adapter, context_of, name, config):
    (adapter / name).write_text(json.dumps({"peft_type": "LORA", **config}))

    assert ("outside-file", name) in _facts(artifact_format(context_of(adapter)))


def test_settings_that_peft_and_transformers_write_by_themselves_are_no_code(adapter, context_of):
    mapping = {"base_model_class": "LlamaModel", "parent_library": "transformers.models.llama.modeling_llama"}
    config = {"peft_type": "LORA", "auto_mapping": mapping, "megatron_core": "megatron.core", "megatron_config": None}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    (adapter / "config.json").write_text(json.dumps({"auto_map": {}, "_attn_implementation": "sdpa"}))
    (adapter / "vocab.json").write_text(json.dumps({"auto_map": 1, "trust_remote_code": 2}))

    assert artifact_format(context_of(adapter)).findings == ()


SOUND = save({"a": np.ones((2, 2), dtype="f4"), "b": np.ones(3, dtype="f4")})
F4 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 7, id="too short for a length"),
        pytest.param(SOUND[:-1], id="cut short"),
        pytest.param(SOUND + b"\x00", id="a byte too many"),
        pytest.param(SOUND + _zip("data.pkl", PICKLE), id="a zip behind it"),
        pytest.param(PICKLE, id="a pickle"),
        pytest.param(struct.pack("<Q", 1 << 62) + b"{}", id="a giant header"),
        pytest.param(struct.pack("<Q", 99_000_000) + b"{}", id="a header longer than the file"),
        pytest.param(_header(b"[]"), id="a header that is a list"),
        pytest.param(_header(b"{"), id="a header that is no JSON"),
        pytest.param(
            _header(b'{"a":' + json.dumps(F4).encode() + b',"a":' + json.dumps(F4).encode() + b"}", b"0000"),
            id="a name twice",
        ),
        pytest.param(_header({"a": F4, "b": F4}, b"0000"), id="an overlap"),
        pytest.param(_header({"a": {**F4, "data_offsets": [4, 8]}}, b"0" * 8), id="a hole"),
        pytest.param(_header({"a": {**F4, "shape": [2]}}, b"0000"), id="a shape that does not fit"),
        pytest.param(_header({"a": {**F4, "shape": [-1]}}, b"0000"), id="a negative shape"),
        pytest.param(_header({"a": {**F4, "shape": [1 << 52] * 4000}}, b"0000"), id="a shape without end"),
        pytest.param(_header({"a": {**F4, "dtype": "F31"}}, b"0000"), id="an unknown type"),
        pytest.param(_header({"a": {**F4, "extra": 1}}, b"0000"), id="an unknown key"),
        pytest.param(_header({"a": F4, "__metadata__": {"a": 1}}, b"0000"), id="metadata that is no text"),
        pytest.param(_header({"a" * 1000: F4}, b"0000"), id="a name without end"),
    ],
)
def test_safetensors_that_break_the_format_are_reported(adapter, context_of, data):
    (adapter / "adapter_model.safetensors").write_bytes(data)

    report = artifact_format(context_of(adapter))

    assert ("malformed-safetensors", "adapter_model.safetensors") in _facts(report)
    assert report.metric("malformed_safetensors").value == 1


def test_a_zip_inside_the_last_tensor_is_found_although_the_file_is_sound(adapter, context_of):
    hidden = _zip("archive/data.pkl", PICKLE)
    tensor = np.frombuffer(hidden, dtype="u1")
    (adapter / "adapter_model.safetensors").write_bytes(save({"a.lora_A.weight": tensor}))

    report = artifact_format(context_of(adapter))

    assert _facts(report) == {("pickle", "adapter_model.safetensors")}


def test_a_link_is_reported_even_when_it_stays_inside(adapter, context_of):
    (adapter / "LICENSE").symlink_to("adapter_config.json")

    assert ("link", "LICENSE") in _facts(artifact_format(context_of(adapter)))


@pytest.mark.parametrize("target", ["../outside", "nowhere"])
def test_a_link_put_in_after_intake_is_reported_and_not_followed(adapter, context_of, tmp_path, target):
    (tmp_path / "outside").write_text("secret")
    context = context_of(adapter)
    (adapter / "LICENSE").symlink_to(target)

    report = artifact_format(context)

    assert ("link", "LICENSE") in _facts(report)


def test_a_file_put_in_or_taken_out_after_intake_is_reported(adapter, base, context_of):
    (adapter / "README.md").write_text("x")
    artifact = read_artifact(adapter, base)
    (adapter / "README.md").unlink()
    (adapter / "LICENSE").write_text("x")

    report = artifact_format(context_of(artifact))

    assert _facts(report) == {("changed-since-intake", "README.md"), ("changed-since-intake", "LICENSE")}


def test_an_update_of_no_known_kind_is_reported(adapter, context_of):
    (adapter / "adapter_config.json").write_text('{"peft_type": "XLORA"}')

    report = artifact_format(context_of(adapter))

    assert ("unknown-kind", ".") in _facts(report)
    assert report.metric("unknown_kind").value == 1


def test_code_in_the_base_is_counted_apart(adapter, base, context_of):
    (base / "pytorch_model.bin").write_bytes(PICKLE)

    report = artifact_format(context_of(adapter))

    assert _facts(report) == {("base-code", "base/pytorch_model.bin")}
    assert (report.metric("base_code_files").value, report.metric("code_files").value) == (1, 0)


def test_a_pickle_is_never_less_than_critical(adapter, context_of):
    (adapter / "a.pkl").write_bytes(PICKLE)

    [finding] = artifact_format(context_of(adapter)).findings

    assert finding.severity is Severity.CRITICAL


def test_scanning_runs_nothing(adapter, context_of, tmp_path):
    bomb = f"cposix\nsystem\n(S'touch {tmp_path}/ran'\ntR.".encode()
    (adapter / "a.pkl").write_bytes(bomb)
    (adapter / "README.md").write_bytes(bomb)

    artifact_format(context_of(adapter))

    assert not (tmp_path / "ran").exists()
