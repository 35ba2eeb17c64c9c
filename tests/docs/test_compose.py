"""The compose file refers to nothing that is not there, runs what our own command line accepts, and trusts little."""

import re
from pathlib import Path

import pytest
import typer
import yaml
from deployment import COMPOSE, HOME, commands, compose
from yamllint import linter
from yamllint.config import YamlLintConfig

from gatekeeper.cli.main import build_app
from gatekeeper.cli.settings import Settings
from gatekeeper.runtime.log import FIELDS

LINT = YamlLintConfig(
    "{extends: default, rules: {line-length: {max: 119}, document-start: disable, braces: {max-spaces-inside: 0},"
    " truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}}}"
)
SERVICES = compose()["services"]
OURS = [name for name in SERVICES if name != "postgres"]


def parsed(line):
    """Parse a line with the real command line; nothing is run."""
    group = typer.main.get_command(build_app())
    context = group.make_context("gatekeeper", list(line))
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    return command.make_context(name, rest, parent=context).params


@pytest.mark.parametrize(
    "file",
    [COMPOSE, *sorted((HOME / "docs" / "deploy" / "helm" / "gatekeeper").glob("*.yaml"))],
    ids=lambda file: file.name,
)
def test_yaml_is_lint_free(file):
    assert [str(each) for each in linter.run(file.read_text(encoding="utf-8"), LINT)] == []


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name):
    line = commands()[0][name]

    if "mlflow" in line:
        from mlflow.cli import cli

        rest = line[line.index("mlflow") + 1 :]
        assert rest[0] == "server"
        assert cli.commands["server"].make_context("server", rest[1:]).params["port"] == 5000
    else:
        assert line[0] == "gatekeeper"
        parsed(line[1:])


def test_a_command_that_is_not_ours_would_be_noticed():
    with pytest.raises(typer.TyperException, match="--prot"):
        parsed(["serve", "--prot", "1"])


@pytest.mark.parametrize("name", SERVICES)
def test_everything_that_a_service_names_is_there(name):
    told, service = compose(), SERVICES[name]

    assert set(service.get("secrets", ())) <= set(told["secrets"])
    assert set(service.get("networks", ())) <= set(told["networks"])
    assert {each["source"] for each in service.get("configs", ())} <= set(told["configs"])
    assert {each.partition(":")[0] for each in service.get("volumes", ())} <= set(told["volumes"])
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    for file in re.findall(r"/run/secrets/(\w+)", str(service)):
        assert file in service["secrets"]
    for path in re.findall(r"/srv/(\w+)", str(service.get("command")) + str(service.get("environment"))):
        if path != "project":
            assert any(each.split(":")[1] == f"/srv/{path}" for each in service["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_health_check_asks_where_its_process_listens(name):
    service = SERVICES[name]
    if name in {"postgres", "init"}:
        return
    (asked,) = set(re.findall(r"127\.0\.0\.1(?::|', )(\d+)", service["healthcheck"]["test"][-1]))

    assert re.search(rf"[: ]{asked}\b", " ".join(commands()[0][name]))


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_can_do_little(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert not service.get("privileged")
    assert "network_mode" not in service
    if name != "postgres":
        assert service["user"] == "10001:10001"
        assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name):
    image = re.sub(r"\$\{[^:}]+:-([^}]+)\}", r"\1", SERVICES[name]["image"])

    assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", image)


def test_no_secret_stands_in_the_file():
    text = COMPOSE.read_text(encoding="utf-8")

    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            assert not re.search("password|secret|token|key$", name, re.IGNORECASE) or str(value).startswith(
                "/run/secrets/"
            )
    assert not re.search(r"://[^/\s]*:[^/\s]*@", text)
    assert {each["file"] for each in compose()["secrets"].values()} == {
        f"./secrets/{name}" for name in compose()["secrets"]
    }
    assert "/secrets/" in (HOME / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_only_the_service_is_reached_from_outside_and_only_from_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"service": ["127.0.0.1:8780:8780"]}
    assert compose()["networks"]["inside"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == ["service"]


def test_settings_in_the_environment_are_ours(monkeypatch, tmp_path):
    for name, value in SERVICES["service"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{[^:}]+:-([^}]*)\}", r"\1", value))
    (tmp_path / "url").write_text("postgresql+psycopg://x@y/z\n", encoding="utf-8")
    monkeypatch.setenv("GATEKEEPER_DATABASE_URL_FILE", str(tmp_path / "url"))

    settings = Settings(root=tmp_path)

    known = {f"GATEKEEPER_{name.upper()}" for name in Settings.model_fields}
    assert set(SERVICES["service"]["environment"]) <= known
    assert settings.runtime == "queue"
    assert settings.witnesses == ()
    assert settings.resolved_database_url == settings.resolved_runtime_url == "postgresql+psycopg://x@y/z"


def test_the_registry_sees_no_key_of_the_project():
    mounted = {each.split(":")[0]: each.split(":")[2:] for each in SERVICES["mlflow"]["volumes"]}

    assert mounted == {"public": ["ro"], "artifacts": []}


def test_the_image_holds_every_package_and_runs_as_nobody_special():
    text = (HOME / "docs" / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    copied = {each for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for each in line.split()[:-1]}
    ignored = (HOME / "docs" / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    assert {path.parent.name for path in HOME.glob("*/__init__.py")} <= copied
    for each in copied - {"${TORCH_CONSTRAINTS}"}:
        assert (HOME / each).exists()
        assert f"!{Path(each).parts[0]}" in ignored or (
            each.startswith("constraints") and "!constraints*.txt" in ignored
        )
    assert "USER 10001:10001" in text
    assert all(re.search(r":\d+\.\d+\.\d+-", each) for each in re.findall(r"^FROM (\S+)", text, re.MULTILINE))
    assert ignored[1] == "*"


def test_anchors_left_nothing_behind():
    assert set(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))) == {
        "name", "x-image", "x-project", "services", "configs", "secrets", "volumes", "networks",
    }  # fmt: skip
    assert "token" in FIELDS
