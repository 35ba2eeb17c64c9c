"""What crosses a cluster comes back as it was, and an address that cannot work is refused."""

import pytest

from gatekeeper.core.errors import InputError, UsageError
from gatekeeper.runtime.ray.cluster import code_digest, quiet, room
from gatekeeper.runtime.ray.messages import (
    error_of,
    failure,
    line,
    plain_task,
    read,
    read_suite_body,
    task_of,
    write_suite_body,
)
from gatekeeper.runtime.ray.options import RayOptions
from regression import ModelError, ModelRef, ShardError, Task, limited, load_suite


@pytest.fixture
def task(tiny_world):
    return Task(
        name="n" * 64,
        ref=ModelRef(base=tiny_world.base, adapter=tiny_world.champion),
        model_digest="sha256:" + "0" * 64,
        suite=load_suite("builtin:knowledge"),
        dtype="bfloat16",
        seed=0,
        batch_tokens=2048,
        batch_replies=16,
        rounds=(0, 2),
        keys=("a" * 64, "b" * 64),
    )


def test_a_task_comes_back_as_it_was(task):
    suite = read_suite_body(write_suite_body(task.suite))

    assert task_of(read(line(**plain_task(task))), suite) == task


def test_a_task_about_another_suite_is_refused(task):
    with pytest.raises(InputError):
        task_of(plain_task(task), load_suite("builtin:harmful"))


@pytest.mark.parametrize("missing", ["model", "keys", "seed", "suite"])
def test_a_task_that_lacks_something_is_refused(task, missing):
    fields = {name: value for name, value in plain_task(task).items() if name != missing}

    with pytest.raises(InputError):
        task_of(fields, task.suite)


def test_a_suite_with_items_left_out_is_sent_to_nobody():
    with pytest.raises(ShardError, match="cannot be sent"):
        write_suite_body(limited(load_suite("builtin:knowledge"), 3))


@pytest.mark.parametrize("message", [b"", b"[]", b"null", b"\x80\x04.", b'{"a":'])
def test_anything_else_is_no_message(message):
    with pytest.raises(InputError):
        read(message)


@pytest.mark.parametrize("error", [ModelError("it does not fit.", hint="Look."), ShardError("other files.")])
def test_an_error_comes_back_as_what_it_was(error):
    found = error_of(read(line(**failure(error))))

    assert (type(found), str(found)) == (type(error), str(error))


def test_an_error_nobody_thought_of_fails_the_shard():
    assert isinstance(error_of(failure(ZeroDivisionError("x"))), ShardError)


@pytest.mark.parametrize("address", ["auto", "head:6379", "10.0.0.1:6379", "[fe80::1]:6379"])
def test_addresses_of_a_cluster(address):
    options = RayOptions(address=address)

    assert RayOptions.from_text(options.to_text()) == options
    assert options.device.startswith("ray/")


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "", "http://head:1", "head:6379;x", "head:6379\n"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError):
        RayOptions(address=address)


def test_ray_reports_nothing_and_knows_no_secrets():
    kept = quiet({"PATH": "/bin", "GATEKEEPER_DATABASE_URL": "postgresql://u:p@h/d", "MLFLOW_TRACKING_PASSWORD": "p"})

    assert kept == {"PATH": "/bin", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


def test_a_node_with_too_few_cpus_holds_no_evaluator():
    class Ray:
        def nodes(self):
            return [{"Alive": True, "Resources": {"CPU": cpus}} for cpus in (4, 3, 1)]

    assert room(Ray(), 2) == (3, False)


def test_the_code_has_one_digest():
    assert code_digest() == code_digest()
    assert len(code_digest()) == 64
