import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from gatekeeper.core.findings import Status, report_from_plain
from gatekeeper.core.gate import GateContext
from gatekeeper.core.update import Update
from gatekeeper.gates.weights.integrity import weights_integrity
from gatekeeper.intake.artifact import read_artifact

PREFIX = "base_model.model."
Q = "model.layers.0.self_attn.q_proj"


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def _model(folder: Path, *, width: int = 8, out: int = 6) -> Path:
    folder.mkdir()
    rng = _rng()
    tensors = {
        f"{Q}.weight": rng.normal(size=(out, width)).astype("f4"),
        "model.embed_tokens.weight": rng.normal(size=(11, width)).astype("f4"),
    }
    save_file(tensors, folder / "model.safetensors")
    config = {"hidden_size": width, "num_attention_heads": 2, "num_hidden_layers": 1, "num_key_value_heads": 1}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def base(tmp_path):
    return _model(tmp_path / "base")


def _lora(rank: int = 2, width: int = 8, out: int = 6, module: str = Q) -> dict[str, np.ndarray]:
    rng = _rng()
    return {
        f"{PREFIX}{module}.lora_A.weight": rng.normal(size=(rank, width)).astype("f4"),
        f"{PREFIX}{module}.lora_B.weight": rng.normal(size=(out, rank)).astype("f4"),
    }


@pytest.fixture
def measure(tmp_path, base):
    """Save tensors and config as a candidate on the base and measure it."""

    def run(tensors: dict[str, np.ndarray] | bytes, *, champion: Path | None = None, full: bool = False, **config):
        folder = tmp_path / "candidate"
        folder.mkdir()
        name = "model.safetensors" if full else "adapter_model.safetensors"
        if isinstance(tensors, bytes):
            (folder / name).write_bytes(tensors)
        else:
            save_file(tensors, folder / name)
        settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]} | config
        (folder / ("config.json" if full else "adapter_config.json")).write_text(json.dumps(settings))
        candidate = read_artifact(folder, base)
        context = GateContext(
            update=Update(id="upd-0", name="one", model="m", candidate=candidate, data=None),
            champion=None if champion is None else read_artifact(champion, None),
            anchor=None,
            rows=None,
            workdir=tmp_path,
            seed=0,
        )
        report = weights_integrity(context)
        assert report_from_plain(report.to_plain()) == report
        return report

    return run


def _facts(report) -> set[str]:
    return {finding.code.removeprefix("weights/integrity/") for finding in report.findings}


def test_an_adapter_that_fits_has_no_finding_and_its_size_is_exact(measure, base):
    tensors = _lora()
    a, b = (tensors[f"{PREFIX}{Q}.lora_{part}.weight"].astype("f8") for part in "AB")
    rng = _rng()
    weight = rng.normal(size=(6, 8)).astype("f4").astype("f8")

    report = measure(tensors)

    assert (report.status, report.findings) == (Status.MEASURED, ())
    assert report.metric("max_relative_norm").value == pytest.approx(
        2 * np.linalg.norm(b @ a) / np.linalg.norm(weight), rel=1e-9
    )
    assert report.metric("max_abs").value == pytest.approx(max(abs(a).max(), abs(b).max()))


def test_rank_stabilised_adapters_are_scaled_by_the_root_of_the_rank(measure, tmp_path):
    plain_scale, rooted_scale = 4 / 2, 4 / math.sqrt(2)

    report = measure(_lora(), use_rslora=True)

    tensors, rng = _lora(), _rng()
    a, b = (tensors[f"{PREFIX}{Q}.lora_{part}.weight"].astype("f8") for part in "AB")
    norm = np.linalg.norm(b @ a) / np.linalg.norm(rng.normal(size=(6, 8)).astype("f4").astype("f8"))
    assert report.metric("max_relative_norm").value == pytest.approx(rooted_scale * norm)
    assert rooted_scale != plain_scale


def test_doras_magnitudes_count_towards_the_size(measure):
    weight = _rng().normal(size=(6, 8)).astype("f4").astype("f8")
    tensors = {name: value * 0 for name, value in _lora().items()}
    tensors[f"{PREFIX}{Q}.lora_magnitude_vector"] = (3 * np.linalg.norm(weight, axis=1)).astype("f4")

    report = measure(tensors, use_dora=True)

    assert report.metric("max_relative_norm").value == pytest.approx(2.0, rel=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_values_that_are_not_finite_are_counted(measure, value, dtype):
    tensors = {name: tensor.astype(dtype) for name, tensor in _lora().items()}
    tensors[f"{PREFIX}{Q}.lora_A.weight"][1, 3] = value

    report = measure(tensors)

    assert "not-finite" in _facts(report)
    assert report.metric("non_finite_values").value == 1
    assert report.metric("max_relative_norm").value == report.metric("max_abs").value == math.inf


def test_bfloat16_is_read_exactly(measure, tmp_path):
    header = {
        f"{PREFIX}{Q}.lora_A.weight": {"dtype": "BF16", "shape": [2, 8], "data_offsets": [0, 32]},
        f"{PREFIX}{Q}.lora_B.weight": {"dtype": "BF16", "shape": [6, 2], "data_offsets": [32, 56]},
    }
    raw = json.dumps(header).encode()
    values = np.full(28, 0x3FC0, dtype="<u2")  # 1.5
    values[5] = 0x7F80  # infinity

    report = measure(len(raw).to_bytes(8, "little") + raw + values.tobytes())

    assert report.metric("non_finite_values").value == 1
    assert report.metric("parameters").value == 28


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(lambda data: data[:-1], id="a byte short"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: data[:4], id="four bytes"),
        pytest.param(lambda data: b"", id="nothing"),
        pytest.param(lambda data: data + b"\x00", id="a byte more"),
        pytest.param(lambda data: b"\x80\x04" + data, id="something before"),
    ],
)
def test_truncated_weights_are_a_measured_answer(measure, tmp_path, cut):
    save_file(_lora(), tmp_path / "whole")

    report = measure(cut((tmp_path / "whole").read_bytes()))

    assert report.status is Status.MEASURED
    assert _facts(report) == {"unreadable"}
    assert report.metric("unreadable_tensors").value == 1
    assert report.metric("max_relative_norm").value == math.inf


def test_weights_without_a_tensor_are_unreadable(measure):
    assert _facts(measure({})) == {"unreadable"}


def test_an_update_of_no_known_kind_is_unreadable(measure):
    report = measure(_lora(), peft_type="XLORA")

    assert (report.status, _facts(report)) == (Status.MEASURED, {"unreadable"})


@pytest.mark.parametrize(
    ("tensors", "facts"),
    [
        pytest.param(_lora(width=12), {"misfit", "wrong-base"}, id="another input width"),
        pytest.param(_lora(out=7), {"misfit", "wrong-base"}, id="another output width"),
        pytest.param(_lora(rank=3), {"misfit", "wrong-base"}, id="another rank than the config's"),
        pytest.param(
            _lora(module="model.layers.9.self_attn.q_proj"), {"missing-module", "wrong-base"}, id="a deeper layer"
        ),
        pytest.param(dict(list(_lora().items())[:1]), {"misfit", "wrong-base"}, id="A without B"),
        pytest.param(
            _lora() | {f"{PREFIX}model.embed_tokens.weight": np.ones((12, 8), dtype="f4")},
            {"misfit", "wrong-base"},
            id="an embedding of another size",
        ),
        pytest.param(
            _lora() | {f"{PREFIX}{Q}.lora_magnitude_vector": np.ones(5, dtype="f4")},
            {"misfit", "wrong-base"},
            id="magnitudes of another size",
        ),
    ],
)
def test_tensors_that_do_not_fit_the_base_are_another_models_update(measure, tensors, facts):
    report = measure(tensors)

    assert _facts(report) == facts
    assert report.metric("max_relative_norm").value == math.inf


def test_findings_are_capped_and_metrics_are_not(measure):
    tensors = {}
    for layer in range(30):
        tensors |= _lora(module=f"model.layers.{layer + 1}.self_attn.q_proj")

    report = measure(tensors)

    assert report.metric("missing_modules").value == 30
    assert len([one for one in report.findings if one.code.endswith("missing-module")]) == 21


def test_a_module_the_config_does_not_name_is_reported(measure):
    assert _facts(measure(_lora(), target_modules=["v_proj"])) == {"untargeted"}


@pytest.mark.parametrize("alpha", [None, "4", True, math.inf, math.nan, 10**400], ids=repr)
def test_a_scale_that_is_no_number_is_never_small(measure, alpha):
    assert measure(_lora(), lora_alpha=alpha).metric("max_relative_norm").value == math.inf


def test_a_huge_alpha_shows_in_the_size(measure):
    assert measure(_lora(), lora_alpha=4_000_000).metric("max_relative_norm").value > 1e5


def test_a_pattern_cannot_hide_a_huge_alpha(measure):
    report = measure(_lora(), alpha_pattern={".*q_pro[j]": 4_000_000})

    assert report.metric("max_relative_norm").value > 1e5


def test_ranks_by_module_are_understood(measure):
    assert measure(_lora(rank=3), rank_pattern={"self_attn.q_proj": 3}).findings == ()


def test_an_embedding_adapter_is_read_the_other_way_round(measure):
    name = f"{PREFIX}model.embed_tokens.lora_embedding_"
    tensors = {f"{name}A": np.ones((2, 11), dtype="f4"), f"{name}B": np.ones((8, 2), dtype="f4")}

    report = measure(tensors, target_modules=["embed_tokens"])

    assert report.findings == ()
    assert report.metric("max_relative_norm").value < math.inf


def test_a_tied_output_layer_fits_the_embedding(measure):
    report = measure(_lora(module="lm_head", out=11), target_modules=["lm_head"])

    assert report.findings == ()


def test_a_whole_tensor_is_compared_with_the_one_it_replaces(measure, base):
    rng = _rng()
    rng.normal(size=(6, 8))
    embedding = rng.normal(size=(11, 8)).astype("f4")

    report = measure({f"{PREFIX}model.embed_tokens.weight": embedding * 2})

    assert report.metric("max_relative_norm").value == pytest.approx(1.0)


def test_the_weight_saved_beside_an_embedding_adapter_is_compared_too(measure):
    rng = _rng()
    rng.normal(size=(6, 8))
    whole = rng.normal(size=(11, 8)).astype("f4")

    report = measure({f"{PREFIX}model.embed_tokens.base_layer.weight": whole * 3})

    assert report.metric("max_relative_norm").value == pytest.approx(2.0)


def _tokens(rows: int, factor: float = 1.0) -> dict[str, np.ndarray]:
    rng = _rng()
    rng.normal(size=(6, 8))
    new = rng.normal(size=(11, 8)).astype("f4")[[2, 5]] * factor
    return {f"{PREFIX}model.embed_tokens.token_adapter.trainable_tokens_delta": new[:rows].copy()}


@pytest.mark.parametrize("indices", [[2, 5], {"embed_tokens": [2, 5]}], ids=["list", "by module"])
def test_new_rows_for_tokens_are_compared_with_the_rows_they_replace(measure, indices):
    embedding = _rng()
    embedding.normal(size=(6, 8))
    old = embedding.normal(size=(11, 8)).astype("f4").astype("f8")

    report = measure(_tokens(2, factor=2.0), trainable_token_indices=indices)

    assert report.findings == ()
    assert report.metric("max_relative_norm").value == pytest.approx(
        np.linalg.norm(old[[2, 5]]) / np.linalg.norm(old), rel=1e-6
    )


@pytest.mark.parametrize(
    ("count", "indices"),
    [
        pytest.param(1, [2, 5], id="a row short"),
        pytest.param(2, [2, 11], id="a token the base does not have"),
        pytest.param(2, [2, -1], id="a token counted from the end"),
        pytest.param(2, None, id="no tokens named"),
    ],
)
def test_new_rows_that_no_token_has_do_not_fit(measure, count, indices):
    report = measure(_tokens(count), trainable_token_indices=indices)

    assert _facts(report) == {"misfit", "wrong-base"}


def test_an_all_zero_update_says_so(measure):
    report = measure({name: value * 0 for name, value in _lora().items()})

    assert _facts(report) == {"all-zero"}
    assert report.metric("zero_tensors").value == 2


@pytest.mark.parametrize(
    ("name", "expected"), [("org/base", set()), ("/somewhere/else/Base/", set()), ("org/other", {"base-name"})]
)
def test_another_name_for_the_base_is_a_remark(measure, name, expected):
    assert _facts(measure(_lora(), base_model_name_or_path=name)) == expected


@pytest.mark.parametrize(
    ("peft_type", "width", "facts"),
    [
        ("PREFIX_TUNING", 2 * 1 * 4, set()),
        ("PREFIX_TUNING", 99, {"misfit", "wrong-base"}),
        ("PROMPT_TUNING", 8, set()),
        ("PROMPT_TUNING", 9, {"misfit", "wrong-base"}),
    ],
)
def test_prefixes_must_have_the_width_of_the_base(measure, peft_type, width, facts):
    report = measure({"prompt_embeddings": np.ones((5, width), dtype="f4")}, peft_type=peft_type)

    assert _facts(report) == facts


def test_a_type_that_is_not_taken_apart_is_counted_and_never_small(measure):
    report = measure({f"{PREFIX}{Q}.hada_w1_a": np.ones((6, 2), dtype="f4")}, peft_type="LOHA")

    assert _facts(report) == {"unchecked"}
    assert report.metric("max_relative_norm").value == math.inf


def test_full_weights_are_compared_with_the_champion(measure, base):
    rng = _rng()
    tensors = {
        f"{Q}.weight": rng.normal(size=(6, 8)).astype("f4"),
        "model.embed_tokens.weight": rng.normal(size=(11, 8)).astype("f4") * 1.5,
    }

    report = measure(tensors, full=True, champion=base)

    assert report.findings == ()
    assert report.metric("max_relative_norm").value == pytest.approx(0.5)


def test_full_weights_of_another_shape_are_another_model(measure, base):
    report = measure({f"{Q}.weight": np.ones((6, 9), dtype="f4")}, full=True, champion=base)

    assert {"misfit", "missing-module", "wrong-base"} == _facts(report)


def test_full_weights_without_a_champion_have_no_bounded_size(measure):
    report = measure({f"{Q}.weight": np.ones((6, 8), dtype="f4")}, full=True)

    assert (report.status, report.findings) == (Status.MEASURED, ())
    assert report.metric("max_relative_norm").value == math.inf


def test_a_base_that_cannot_be_read_leaves_the_question_open(measure, base):
    (base / "model.safetensors").write_bytes(b"broken")

    report = measure(_lora())

    assert report.status is Status.UNMEASURED
    assert "base" in report.note
