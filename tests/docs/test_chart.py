"""The Helm chart: what helm makes of it is kept beside the tests, and looked at whether or not helm is here."""

import json
import re
import subprocess

import jsonschema
import pytest
import yaml
from deployment import CHART, GOLDEN, chart_digest, commands, compose, helm, manifests, pods, rendered

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
PODS = pods()
needs_helm = pytest.mark.skipif(helm() is None, reason="no helm on the path, nor named by HELM")


def test_what_is_kept_was_rendered_from_this_chart():
    kept = GOLDEN.read_text(encoding="utf-8").splitlines()[0]

    assert kept.endswith(chart_digest()), "run tests/fakes/deployment.py and read the difference"


@needs_helm
def test_helm_renders_what_is_kept():
    assert rendered(helm()) == GOLDEN.read_text(encoding="utf-8")


@needs_helm
def test_helm_finds_nothing_wrong():
    done = subprocess.run([helm(), "lint", "--strict", str(CHART)], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


@needs_helm
@pytest.mark.parametrize(
    "values",
    [
        pytest.param("worker.gpus=many", id="a-word-for-a-number"),
        pytest.param("image.tag=latest", id="an-image-that-moves"),
        pytest.param("worker.replica=2", id="a-key-that-is-not-there"),
        pytest.param("witness.enabled=true", id="a-witness-without-a-log"),
        pytest.param("mlflow.enabled=false", id="no-registry-at-all"),
        pytest.param("trackingUri=http://user:secret@registry", id="a-password-in-an-address"),
    ],
)
def test_helm_refuses_what_the_schema_does(values):
    told = [helm(), "template", "gate", str(CHART), "--set", values]

    assert subprocess.run(told, check=False, capture_output=True).returncode != 0


def test_the_values_fit_their_schema_and_nothing_beside_them_does():
    jsonschema.validate(VALUES, SCHEMA)

    for wrong in ({**VALUES, "more": 1}, {**VALUES, "image": {**VALUES["image"], "tag": "latest"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


def test_the_chart_runs_what_the_compose_file_runs():
    from_compose, from_chart = commands()
    from_compose.pop("worker-gpu")

    assert from_chart.keys() == from_compose.keys()
    for name, line in from_chart.items():
        told = [re.sub("/mlflow/", "/mlflow_", each).replace("-url", "_url") for each in line]
        known = [
            "gate-mlflow:5000,gate-mlflow.gatekeeper.svc:5000" if each.startswith("mlflow:5000") else each
            for each in from_compose[name]
        ]
        assert told == known


@pytest.mark.parametrize("name", PODS)
def test_every_pod_can_do_little(name):
    pod = PODS[name]
    (container,) = pod["containers"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
    assert "hostNetwork" not in pod
    assert re.search(r":\d+\.\d+\.\d+$|@sha256:", container["image"])


@pytest.mark.parametrize("name", PODS)
def test_every_volume_and_port_that_a_pod_names_is_there(name):
    pod = PODS[name]
    (container,) = pod["containers"]
    claims = {each["metadata"]["name"] for each in manifests() if each["kind"] == "PersistentVolumeClaim"}
    volumes = {each["name"]: each for each in pod["volumes"]}
    ports = {each["name"]: each["containerPort"] for each in container.get("ports", ())}

    assert {each["name"] for each in container["volumeMounts"]} == set(volumes)
    assert {
        each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "persistentVolumeClaim" in each
    } <= claims
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container.get(probe, {})
        port = (asked.get("httpGet") or asked.get("tcpSocket") or {}).get("port")
        assert port is None or port in ports
    for port in ports.values():
        assert re.search(rf"\b{port}\b", " ".join(container["command"]))


def test_secrets_are_files_and_never_variables():
    for pod in PODS.values():
        for variable in pod["containers"][0].get("env", ()):
            assert "valueFrom" not in variable
            assert "@" not in variable["value"]
        for volume in pod["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440


def test_the_environment_is_the_compose_files():
    told = {each["name"] for each in PODS["service"]["containers"][0]["env"]}

    assert told == set(compose()["services"]["service"]["environment"])


def test_nothing_is_reached_that_no_policy_names():
    policies = {each["metadata"]["name"]: each["spec"] for each in manifests() if each["kind"] == "NetworkPolicy"}

    nothing = policies["gate-nothing"]
    assert (nothing["policyTypes"], nothing.get("ingress"), nothing.get("egress")) == (
        ["Ingress", "Egress"],
        None,
        None,
    )
    assert [each["port"] for each in policies["gate-clients"]["ingress"][0]["ports"]] == [8780]
    assert [each["port"] for each in policies["gate-monitoring"]["ingress"][0]["ports"]] == [9108, 9109, 9110]
    for rule in policies["gate-outward"]["egress"]:
        assert rule["to"], rule
        assert rule["ports"], rule


def test_disruptions_take_one_pod_at_a_time():
    budgets = [each for each in manifests() if each["kind"] == "PodDisruptionBudget"]

    assert {each["metadata"]["name"]: each["spec"]["maxUnavailable"] for each in budgets} == {
        "gate-service": 1,
        "gate-worker": 1,
    }


def test_migrations_are_a_job_of_each_revision():
    (job,) = (each for each in manifests() if each["kind"] == "Job")

    assert job["metadata"]["name"] == "gate-init-1"
    assert PODS["init"]["containers"][0]["command"] == ["gatekeeper", "init"]


def test_a_worker_may_have_a_gpu():
    assert PODS["worker"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
