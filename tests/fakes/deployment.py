"""The deployment files as data: what each process is started with, wherever it is said.

``python tests/fakes/deployment.py`` renders the chart again, with helm; then read the difference.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import yaml

HOME = Path(__file__).resolve().parents[2]
COMPOSE = HOME / "docker-compose.yml"
CHART = HOME / "docs" / "deploy" / "helm" / "gatekeeper"
GOLDEN = HOME / "tests" / "docs" / "goldens" / "chart.yaml"
RENDERED_WITH = (
    "--namespace", "gatekeeper", "--set", "worker.gpus=1", "--set", "witness.enabled=true",
    "--set", "witness.logKey=log.example/1+12345678+AAAA", "--set", "traces=http://collector:4318",
)  # fmt: skip
"""How the golden file was rendered: everything that can be switched on is."""


def compose():
    """The compose file."""
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def manifests():
    """The chart as ``helm template`` rendered it, as it is kept beside the tests."""
    return [each for each in yaml.safe_load_all(GOLDEN.read_text(encoding="utf-8")) if each]


def chart_digest():
    """SHA-256 over every file of the chart, by name."""
    files = sorted(path for path in CHART.rglob("*") if path.is_file())
    told = "".join(f"{path.relative_to(CHART)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files)
    return hashlib.sha256(told.encode()).hexdigest()


def helm():
    """The helm program, or ``None``: on the path, or named by ``HELM``."""
    return os.environ.get("HELM") or shutil.which("helm")


def rendered(program):
    """The chart as helm renders it now, with the digest of its files above."""
    told = [program, "template", "gate", str(CHART), *RENDERED_WITH]
    text = subprocess.run(told, check=True, capture_output=True, text=True).stdout
    return f"# helm template gate docs/deploy/helm/gatekeeper; chart sha256 {chart_digest()}\n{text}"


def pods():
    """Every pod of the chart as (component, pod's spec)."""
    return {
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]["template"]["spec"]
        for each in manifests()
        if each["kind"] in {"Deployment", "Job"}
    }


def words(command):
    """A command's words; those of a shell's, with a file's content as the word for ``$(cat FILE)``."""
    if command[:2] != ["sh", "-ec"]:
        return [str(each) for each in command]
    script = command[2].replace("$$", "$")
    return shlex.split(re.sub(r'"\$\(cat ([^)]+)\)"', r"file:\1", script))


def commands():
    """Every command line as {process: words}, from the compose file and from the chart."""
    filled = {"GATEKEEPER_LOG_KEY:-": "log.example/1+12345678+AAAA"}
    from_compose = {}
    for name, service in compose()["services"].items():
        if "command" in service:
            line = [
                re.sub(r"\$\{([^}]+)\}", lambda found: filled.get(found[1], found[1].partition(":-")[2]), str(each))
                for each in service["command"]
            ]
            from_compose[name] = words(line)
    from_chart = {name: words(pod["containers"][0]["command"]) for name, pod in pods().items()}
    return from_compose, from_chart


if __name__ == "__main__":
    GOLDEN.write_text(rendered(helm()), encoding="utf-8")
