"""Keys are made once, kept from others, and pseudonyms are stable."""

import stat
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audits.ledger.keys import LOG_FILE, PASSPORT_FILE, PSEUDONYM_FILE, create_keys, load_keys
from audits.ledger.leaf import write_leaf
from audits.ledger.pseudonyms import pseudonym
from gatekeeper.core.errors import UsageError

KEY = bytes(range(32))


def test_new_keys_are_readable_by_their_owner_alone(tmp_path):
    create_keys(tmp_path / "keys")

    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "keys").iterdir()}
    assert modes == {PSEUDONYM_FILE: 0o600, LOG_FILE: 0o600, PASSPORT_FILE: 0o600}


def test_keys_are_never_overwritten(tmp_path):
    first = create_keys(tmp_path)

    again = create_keys(tmp_path)

    assert again.pseudonym == first.pseudonym == load_keys(tmp_path).pseudonym
    assert again.log.private_bytes_raw() == first.log.private_bytes_raw()


def test_first_comers_at_once_get_the_same_keys(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(create_keys(tmp_path).pseudonym)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 8
    assert len(set(made)) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
@pytest.mark.parametrize("name", [PSEUDONYM_FILE, LOG_FILE])
def test_a_key_others_can_touch_is_refused(tmp_path, name, mode):
    create_keys(tmp_path)
    (tmp_path / name).chmod(mode)

    for act in (load_keys, create_keys):
        with pytest.raises(UsageError) as refused:
            act(tmp_path)
        assert "chmod 600" in refused.value.hint


def test_missing_keys_point_to_init(tmp_path):
    with pytest.raises(UsageError) as refused:
        load_keys(tmp_path)

    assert "gatekeeper init" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param(PSEUDONYM_FILE, b"short", id="short"),
        pytest.param(PSEUDONYM_FILE, bytes(33), id="long"),
        pytest.param(LOG_FILE, b"no key", id="no PEM"),
        pytest.param(
            LOG_FILE,
            generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            id="another kind",
        ),
    ],
)
def test_a_file_that_holds_no_such_key_is_refused(tmp_path, name, content):
    create_keys(tmp_path)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UsageError, match="holds no key"):
        load_keys(tmp_path)


def test_a_link_is_no_key(tmp_path):
    create_keys(tmp_path / "keys")
    (tmp_path / "keys" / LOG_FILE).replace(tmp_path / "elsewhere")
    (tmp_path / "keys" / LOG_FILE).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UsageError):
        load_keys(tmp_path / "keys")


def test_showing_keys_shows_none(tmp_path):
    keys = create_keys(tmp_path)

    assert keys.pseudonym.hex() not in repr(keys)
    assert repr(keys) == "Keys()"


def test_a_person_has_one_pseudonym_however_they_are_spelled():
    spellings = ["anna@example.org", " Anna@Example.org ", "ＡＮＮＡ@example.org"]

    assert len({pseudonym(KEY, spelling) for spelling in spellings}) == 1


def test_persons_and_keys_are_told_apart():
    assert len({pseudonym(KEY, "anna"), pseudonym(KEY, "bert"), pseudonym(bytes(32), "anna")}) == 3


def test_a_pseudonym_may_act_in_the_ledger():
    from datetime import UTC, datetime

    from audits.ledger.events import Event

    leaf = write_leaf(
        seq=0,
        ts=datetime.now(UTC),
        type=Event.TEXT_ERASED,
        actor=pseudonym(KEY, "anna"),
        subject="apr-1",
        data={"what": "comment"},
    )

    assert b"anna" not in leaf


def test_nobody_has_no_pseudonym():
    with pytest.raises(UsageError):
        pseudonym(KEY, "  ")
    with pytest.raises(RuntimeError):
        pseudonym(b"", "anna")
