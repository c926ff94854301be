"""Nobody without a key gets anything, and no key is ever repeated."""

import base64
import hashlib
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.served import SETTINGS

from churnhealth.errors import ConfigError, RequestError
from churnhealth.serve.api import create_app
from churnhealth.serve.keys import ENVIRONMENT, Keys, KeysFollowed, read_keys
from churnhealth.serve.lines import lines_of

READ, SCORE = "read-key-" + "x" * 20, "score-key-" + "y" * 20
GIVEN = {ENVIRONMENT: f"dashboard:read:{READ}, crm:score:{SCORE}"}


@pytest.fixture(scope="module")
def locked(live):
    from tests.serve.served import TestClient

    app = create_app(live, SETTINGS, keys=read_keys(None, GIVEN))
    with TestClient(app, base_url="http://127.0.0.1:3000") as client:
        yield client


def bearer(key):
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/model", "/", "/openapi.json"])
def test_without_a_key_nothing_is_told(locked, path):
    for headers in (
        {},
        bearer("x" * 30),
        {"authorization": "Bearer"},
        bearer(READ[:-1]),
    ):
        answer = locked.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "CH530"
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert locked.get(path, headers=bearer(READ)).status_code == 200


def test_liveness_and_readiness_need_no_key(locked):
    assert locked.get("/livez").status_code == 200
    assert locked.get("/readyz").status_code == 200


def test_a_reading_key_does_not_score(locked):
    body = {"content": "{}", "headers": {"content-type": "application/json"}}
    body["headers"] |= bearer(READ)
    answer = locked.post("/v1/score", **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "CH531")
    body["headers"] |= bearer(SCORE)
    assert locked.post("/v1/score", **body).status_code == 400  # let in, and no body


def test_the_key_is_asked_for_before_the_body_is_looked_at(locked):
    answer = locked.post("/v1/score", content=b"\x00" * 100)
    assert answer.json()["error"]["code"] == "CH530"


def test_a_browser_shows_the_key_as_a_password(locked):
    pair = base64.b64encode(f"anybody:{READ}".encode()).decode()
    good = locked.get("/", headers={"authorization": f"Basic {pair}"})
    assert good.status_code == 200
    bad = locked.get("/", headers={"authorization": "Basic ???"})
    assert bad.status_code == 401


def test_two_authorizations_are_none(locked):
    headers = [("authorization", f"Bearer {READ}"), ("authorization", "Bearer x")]
    assert locked.get("/v1/model", headers=headers).status_code == 401


def test_the_log_names_the_key_and_never_holds_it(locked, caplog):
    with caplog.at_level(logging.INFO, logger="churnhealth.serve"):
        logging.getLogger("churnhealth.serve").propagate = True
        locked.get("/v1/model", headers=bearer(READ))
        locked.get("/v1/model", headers=bearer("secret-" + "z" * 20))
        locked.post("/v1/score", headers=bearer(READ))
    text = caplog.text
    assert "GET /v1/model 200" in text
    assert [line.rsplit(" ", 1)[1] for line in text.splitlines()] == [
        "key=dashboard",
        "key=-",
        "key=dashboard",  # it may not do that: whose key it is, is what one looks for
    ]
    assert READ not in text
    assert "secret-" not in text


def test_a_log_for_programs_holds_an_object_per_line(locked, caplog):
    with caplog.at_level(logging.INFO, logger="churnhealth.serve"):
        logging.getLogger("churnhealth.serve").propagate = True
        answer = locked.get("/v1/model", headers=bearer(READ))
        locked.get("/no/such/path", headers=bearer("secret-" + "z" * 20))
        logging.getLogger("churnhealth.serve").error("%s new scores", "CH501")
    written = [lines_of("json").format(record) for record in caplog.records]
    good, bad, other = map(json.loads, written)
    assert good["request_id"] == answer.headers["x-request-id"]
    assert (good["method"], good["route"], good["status"], good["key"]) == (
        *("GET", "/v1/model", 200, "dashboard"),
    )
    assert datetime.fromisoformat(good["time"]).utcoffset() == timedelta(0)
    assert good["ms"] >= 0
    assert (bad["status"], bad["route"], bad["key"]) == (404, "(unknown)", None)
    assert (other["level"], other["message"]) == ("error", "CH501 new scores")
    assert "secret-" not in "".join(written)


def test_a_file_holds_keys_or_only_their_digests(tmp_path):
    digest = hashlib.sha256(READ.encode()).hexdigest()
    file = tmp_path / "keys.toml"
    file.write_text(
        f'[[keys]]\nname = "a"\nrole = "admin"\nkey = "{SCORE}"\n'
        f'[[keys]]\nname = "b"\nrole = "read"\nsha256 = "{digest}"\n'
    )
    keys = read_keys(file, {})
    assert keys.let_in(f"Bearer {SCORE}", needs="admin") == "a"
    assert keys.let_in(f"bearer {READ}", needs="read") == "b"
    with pytest.raises(RequestError, match="CH531"):
        keys.let_in(f"Bearer {READ}", needs="score")
    assert SCORE not in repr(keys)


@pytest.fixture
def signed_on(tmp_path):
    """Write the key of a proxy, shown in a header of its own."""
    file = tmp_path / "keys.toml"
    file.write_text(
        '[[keys]]\nname = "sign-on"\nrole = "read"\n'
        f'header = "X-Sign-On"\nkey = "{READ}"\n'
    )
    return read_keys(file, {ENVIRONMENT: f"crm:score:{SCORE}"})


def test_a_proxy_that_signs_people_in_opens_pages_with_a_header_of_its_own(
    live, signed_on
):
    from tests.serve.served import TestClient

    app = create_app(live, SETTINGS, keys=signed_on)
    with TestClient(app, base_url="http://127.0.0.1:3000") as client:
        theirs = {"x-sign-on": READ, "authorization": "Basic of-the-proxy"}
        assert client.get("/", headers=theirs).status_code == 200
        for headers in (
            bearer(READ),  # it is no key anywhere else
            {"x-sign-on": SCORE},
            {"x-sign-on": ""},
            [("x-sign-on", READ), ("x-sign-on", READ)],
        ):
            assert client.get("/", headers=headers).status_code == 401
        assert client.get("/", headers=bearer(SCORE)).status_code == 200
        body = {"content-type": "application/json", "x-sign-on": READ}
        answer = client.post("/v1/score", content="{}", headers=body)
        assert answer.json()["error"]["code"] == "CH531"


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_proxys_key_and_ones_own_the_one_that_may_more_counts(signed_on, order):
    keys, heard = Keys(signed_on.keys[::order]), []
    keys.let_in(
        f"Bearer {SCORE}", needs="score", shown=lambda _: READ, heard=heard.append
    )
    assert heard == ["crm"]


FILES = {
    "no TOML": "keys = [",
    "something else": "[serve]\nport = 1",
    "no key": "",
    "a short key": '[[keys]]\nname = "a"\nrole = "read"\nkey = "short-secret"',
    "no such role": f'[[keys]]\nname = "a"\nrole = "root"\nkey = "{READ}"',
    "a header of others": '[[keys]]\nname = "a"\nrole = "read"\nheader = "Cookie"\n'
    f'key = "{READ}"',
    "no name": f'[[keys]]\nrole = "read"\nkey = "{READ}"',
    "both": f'[[keys]]\nname = "a"\nrole = "read"\nkey = "{READ}"\nsha256 = "00"',
    "neither": '[[keys]]\nname = "a"\nrole = "read"',
    "a bad digest": '[[keys]]\nname = "a"\nrole = "read"\nsha256 = "00"',
    "an unknown field": f'[[keys]]\nname = "a"\nrole = "read"\nkye = "{READ}"',
    "a name twice": 2 * f'[[keys]]\nname = "a"\nrole = "read"\nkey = "{READ}"\n',
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_keys_that_cannot_be_used_stop_the_start_and_are_not_repeated(tmp_path, text):
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="CH008") as caught:
        read_keys(file, {})
    assert READ not in str(caught.value)
    assert "short-secret" not in str(caught.value)


def test_a_file_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(ConfigError, match=r"CH008.*: No such file"):
        read_keys(tmp_path / "none.toml", {})


def listed(*keys):
    return "".join(
        f'[[keys]]\nname = "{i}"\nrole = "read"\nkey = "{key}"\n'
        for i, key in enumerate(keys)
    )


def test_a_key_that_leaves_the_file_opens_nothing_more(tmp_path):
    file = tmp_path / "keys.toml"
    file.write_text(listed(READ, SCORE))
    followed = KeysFollowed(file, {})
    assert not followed.look()
    file.write_text(listed(SCORE))
    assert followed.look()
    assert followed.keys.let_in(f"Bearer {SCORE}", needs="read") == "0"
    with pytest.raises(RequestError, match="CH530"):
        followed.keys.let_in(f"Bearer {READ}", needs="read")


@pytest.mark.parametrize("change", [Path.unlink, lambda file: file.write_text("")])
def test_a_file_that_cannot_be_used_any_more_is_told_once_and_changes_nothing(
    tmp_path, change
):
    file = tmp_path / "keys.toml"
    file.write_text(listed(READ))
    followed = KeysFollowed(file, {})
    change(file)
    with pytest.raises(ConfigError, match="CH008"):
        followed.look()
    assert not followed.look()
    assert followed.keys.let_in(f"Bearer {READ}", needs="read") == "0"
    file.write_text(listed(READ, SCORE))
    assert followed.look()


@given(st.text())
def test_no_header_but_the_right_one_lets_in(header):
    keys = read_keys(None, GIVEN)
    with pytest.raises(RequestError, match="CH530"):
        keys.let_in(header, needs="read")


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("127.1.2.3", 200), ("[::1]", 200), ("192.0.2.2", 401)],
)
def test_without_keys_nobody_is_answered_over_a_network(live, address, status):
    # `bentoml serve --host 0.0.0.0` asks nobody whether there are keys
    from tests.serve.served import TestClient

    app = create_app(live, SETTINGS)
    host = {"host": "localhost"}  # as anybody may write it
    with TestClient(app, base_url=f"http://{address}:3000", headers=host) as client:
        assert client.get("/v1/model").status_code == status
        assert client.get("/").status_code == status
        assert client.get("/livez").status_code == 200


def test_without_keys_everybody_may_ask():
    assert Keys().let_in(None, needs="admin") is None
