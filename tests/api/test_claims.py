"""A key is worked on by one at a time, whoever dies leaves it free, and what was kept comes back."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from held_elsewhere import held_elsewhere, until_let_go

from api.claims import InDatabase, OnThisMachine
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.store.answers import Kept
from gatekeeper.store.database import create_store, open_store

ONE, OTHER = sha256_bytes(b"one"), sha256_bytes(b"other")
DANA, KIM = "person:" + "d" * 64, "person:" + "e" * 64
ANSWER = Kept(status=201, media="application/json", headers={"etag": '"a"'}, body=b"{}")
LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def store(tmp_path):
    made = create_store(f"sqlite:///{tmp_path / 'a.db'}")
    yield made
    made.close()


@pytest.fixture(params=["rows", "locks"])
def claims(request, store, tmp_path):
    """Both ways."""
    if request.param == "rows":
        return InDatabase(store, timedelta(hours=1))
    return OnThisMachine(store, tmp_path / "claims.lock")


def test_who_comes_second_is_told_that_it_is_worked_on(claims):
    with (
        claims.taken(holder=DANA, key="k", request=ONE) as first,
        claims.taken(holder=DANA, key="k", request=ONE) as second,
        claims.taken(holder=DANA, key="k", request=OTHER) as different,
        claims.taken(holder=KIM, key="k", request=ONE) as stranger,
    ):
        assert first.keep is not None
        assert (second.keep, second.before.same, second.before.kept) == (None, True, None)
        assert (different.keep, different.before.same) == (None, False)
        assert stranger.keep is not None


def test_what_was_kept_comes_back(claims):
    with claims.taken(holder=DANA, key="k", request=ONE) as first:
        first.keep(ANSWER, LATER)

    with claims.taken(holder=DANA, key="k", request=ONE) as again:
        assert (again.keep, again.before.kept) == (None, ANSWER)
    with claims.taken(holder=DANA, key="k", request=OTHER) as other:
        assert (other.keep, other.before.same) == (None, False)


def test_a_key_is_free_after_work_that_kept_nothing_or_failed(claims):
    with claims.taken(holder=DANA, key="k", request=ONE):
        pass
    with pytest.raises(ZeroDivisionError), claims.taken(holder=DANA, key="k", request=ONE):
        raise ZeroDivisionError

    with claims.taken(holder=DANA, key="k", request=OTHER) as later:
        assert later.keep is not None


def test_a_key_is_free_after_its_time(claims):
    with claims.taken(holder=DANA, key="k", request=ONE) as first:
        first.keep(ANSWER, datetime.now(UTC))

    with claims.taken(holder=DANA, key="k", request=OTHER) as later:
        assert later.keep is not None
        later.keep(ANSWER, LATER)
    with claims.taken(holder=DANA, key="k", request=OTHER) as again:
        assert again.before.kept == ANSWER


def _hold(url, file, taken):
    """Take a key in a process of its own, until it is killed."""
    with OnThisMachine(open_store(url), file).taken(holder=DANA, key="k", request=ONE) as claimed:
        assert claimed.keep is not None
        until_let_go(taken)


def test_a_process_that_dies_leaves_the_key_free(store, tmp_path):
    file = tmp_path / "claims.lock"
    claims = OnThisMachine(store, file)
    with held_elsewhere(_hold, f"sqlite:///{tmp_path / 'a.db'}", file) as (process, _let_go):
        with claims.taken(holder=DANA, key="k", request=ONE) as during:
            assert (during.keep, during.before.kept) == (None, None)
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)

        with claims.taken(holder=DANA, key="k", request=ONE) as after:
            assert after.keep is not None
