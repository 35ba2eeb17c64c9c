"""Every mistake a person can make gets one sentence, a next step and a code of its own, never a traceback."""

import shutil

import pytest

MODEL = "tiny"


def one_clear_sentence(ended):
    """Assert that an error is short, names no Python and ends as a sentence."""
    assert "Traceback" not in ended.err
    assert ended.err.strip()
    assert len(ended.err.splitlines()) <= 4
    return True


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param('{"prompt": "a", "completion": "b"}\nnot json\n', "2", id="a line that is no JSON"),
        pytest.param("", "no rows", id="an empty file"),
        pytest.param("\n\n", "no rows", id="blank lines"),
        pytest.param('{"colour": "red"}\n', "1", id="a row of no known shape"),
        pytest.param('["a"]\n', "1", id="a row that is no object"),
    ],
)
def test_rows_that_cannot_be_read_end_with_thirty(live, gatekeeper, tiny_world, content, says):
    rows = live / "rows.jsonl"
    rows.write_text(content, encoding="utf-8")

    ended = gatekeeper("check", "--model", MODEL, "--update", tiny_world.benign, "--data", rows)

    assert ended.code == 30
    assert one_clear_sentence(ended)
    assert says in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["check", "--model", MODEL, "--update", "nowhere", "--data", "x.jsonl"], id="no such folder"),
        pytest.param(["check", "--model", MODEL, "--update", ".", "--data", "nowhere.jsonl"], id="no such rows"),
        pytest.param(["check", "--model", MODEL], id="a missing option"),
        pytest.param(["check", "--model", MODEL, "--update", ".", "--report", "pdf=x"], id="an unknown report"),
        pytest.param(
            ["check", "--model", MODEL, "--update", ".", "--report", "html=no/x.html"], id="no such report folder"
        ),
        pytest.param(["check", "--model", MODEL, "--update", ".", "--policy", "nowhere.yaml"], id="no such policy"),
        pytest.param(["approve", "upd-0000000000000000", "--as", "dana"], id="no such update"),
        pytest.param(["policy", "lint", "builtin:nothing"], id="no such builtin"),
        pytest.param(["scan", "artifact", "nowhere"], id="nothing to scan"),
        pytest.param(["demo", "--only", "nothing"], id="no such demo update"),
        pytest.param(["frobnicate"], id="no such command"),
    ],
)
def test_a_wrong_command_line_ends_with_sixty_four(project, gatekeeper, arguments):
    ended = gatekeeper(*arguments)

    assert ended.code == 64
    assert "Traceback" not in ended.err


def test_a_policy_with_an_unknown_gate_does_not_load(project, gatekeeper, tiny_world):
    policy = (project / "policy.yaml").read_text(encoding="utf-8").replace("data/schema", "data/shcema")
    (project / "policy.yaml").write_text(policy, encoding="utf-8")

    ended = gatekeeper("check", "--model", MODEL, "--update", tiny_world.benign)

    assert ended.code == 64
    assert one_clear_sentence(ended)
    assert "data/shcema" in ended.err


def test_an_unreachable_registry_ends_with_thirty(project, gatekeeper, tiny_world, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    ended = gatekeeper("check", "--model", MODEL, "--update", tiny_world.benign)

    assert ended.code == 30
    assert one_clear_sentence(ended)


def test_a_file_store_is_refused(project, gatekeeper, tiny_world, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(project / "mlruns"))

    ended = gatekeeper("check", "--model", MODEL, "--update", tiny_world.benign)

    assert ended.code == 30
    assert "sqlite" in ended.err


def test_a_model_without_a_champion_says_to_certify_one(project, gatekeeper, tiny_world):
    ended = gatekeeper("check", "--model", "unheard-of", "--update", tiny_world.benign)

    assert ended.code == 64
    assert "gatekeeper certify" in ended.err


def test_outside_a_project_the_next_step_is_init(tmp_path, monkeypatch, gatekeeper):
    monkeypatch.chdir(tmp_path)

    ended = gatekeeper("status")

    assert ended.code == 64
    assert "gatekeeper init" in ended.err


def test_an_error_is_json_where_json_was_asked(project, gatekeeper):
    ended = gatekeeper("approve", "upd-0000000000000000", "--as", "dana", "--json")

    assert ended.code == 64
    assert set(ended.json["error"]) == {"message", "hint"}


def test_a_key_that_others_can_read_is_refused(project, gatekeeper):
    (project / ".gatekeeper" / "keys" / "pseudonym.key").chmod(0o644)

    ended = gatekeeper("status")

    assert ended.code == 64
    assert "chmod 600" in ended.err


def test_a_truncated_adapter_is_a_verdict(live, gatekeeper, tiny_world, tmp_path):
    folder = shutil.copytree(tiny_world.benign, tmp_path / "cut")
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    ended = gatekeeper("check", "--model", MODEL, "--update", folder, "--data", tiny_world.rows["benign"], "--json")

    assert (ended.code, ended.json["updates"][0]["outcome"]) == (20, "BLOCK")


def test_settings_that_do_not_exist_are_named(project, gatekeeper):
    (project / "gatekeeper.toml").write_text('colour = "red"\n', encoding="utf-8")

    ended = gatekeeper("status")

    assert ended.code == 64
    assert "colour" in ended.err


def test_an_interrupt_promotes_nothing(live, gatekeeper, tiny_world, monkeypatch):
    from gatekeeper.pipeline import run

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "judge", interrupted)

    ended = gatekeeper("check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"])

    assert ended.code == 30
    assert "nothing was promoted" in ended.err
    assert gatekeeper("status", "--json").json["aliases"][MODEL]["champion"] == "1"


def test_a_base_that_is_an_adapter_is_no_base(project, gatekeeper, tiny_world):
    ended = gatekeeper(
        "certify", "--model", MODEL, "--update", tiny_world.champion, "--base", tiny_world.champion, "--json"
    )

    assert ended.code == 64
    assert "--base" in ended.json["error"]["hint"]


def test_a_report_that_cannot_be_written_does_not_hide_the_verdict(live, gatekeeper, tiny_world):
    ended = gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"],
        "--report", "html=/proc/report.html", "--json",
    )  # fmt: skip

    assert ended.code == 64
    assert ended.json["updates"][0]["outcome"] == "ADMIT"
    assert "cannot be written" in ended.err


def test_promoting_what_nobody_approved_names_the_next_step(live, gatekeeper, tiny_world):
    checked = gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"], "--json"
    )
    update = checked.json["updates"][0]["id"]

    ended = gatekeeper("promote", update)

    assert ended.code == 30
    assert f"gatekeeper approve {update}" in ended.err


def test_the_version_is_printed(gatekeeper):
    ended = gatekeeper("--version")

    assert (ended.code, ended.out.split()[0]) == (0, "gatekeeper")
