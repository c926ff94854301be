"""Who asks wrongly is refused at the door, and nothing of it is repeated."""

import asyncio
import contextlib

import pytest
from tests.serve.refused import CANARY, JSON, accounts, refused
from tests.serve.served import client_of

from churnhealth.config import Serve
from churnhealth.serve.api import create_app
from churnhealth.serve.live import Live, make_serving
from churnhealth.serve.observed import Observer

pytestmark = pytest.mark.usefixtures("every_line")


class Noting(Observer):
    """Notes every answer that it is told of."""

    def __init__(self, seen):
        self.seen = seen

    def answered(self, route, status, seconds):  # noqa: ARG002
        self.seen.append((route, status))


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", f"/{CANARY}", 404, "CH510", None),
        ("GET", "/v1/scores", 404, "CH510", None),
        ("GET", "/v1/score/", 404, "CH510", None),
        ("GET", "/docs.json", 404, "CH510", None),
        ("GET", "/schema.json", 404, "CH510", None),
        ("GET", "/static_content/index.html", 404, "CH510", None),
        ("GET", f"/../../{CANARY}", 404, "CH510", None),
        ("GET", "/v1/score", 405, "CH511", "POST"),
        ("POST", "/", 405, "CH511", "GET, HEAD"),
        ("DELETE", "/v1/accounts/a1", 405, "CH511", "GET, HEAD"),
        ("PUT", "/v1/score", 405, "CH511", "POST"),
        ("OPTIONS", "/v1/score", 405, "CH511", "POST"),
        ("TRACE", "/v1/model", 405, "CH511", "GET, HEAD"),
    ],
)
def test_other_paths_and_methods_are_refused_in_our_shape(
    client, caplog, method, path, status, code, allow
):
    answer = client.request(method, path)
    refused(answer, status, code, "", caplog)
    assert answer.headers.get("allow") == allow


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("/v1/accounts?page=0", "query.page"),
        ("/v1/accounts?page=-1", "query.page"),
        ("/v1/accounts?page=1e3", "query.page"),
        (f"/v1/accounts?page={'9' * 5000}", "query.page"),
        ("/v1/accounts?page_size=501", "query.page_size"),
        (f"/v1/accounts?band={CANARY}", "query.band"),
        (f"/v1/accounts?band=red,{CANARY}", "query.band"),
        (f"/v1/accounts?sort={CANARY}", "query.sort"),
        ("/v1/accounts?sort=__class__", "query.sort"),
        (f"/v1/accounts?{CANARY}=1", "query"),
        ("/v1/accounts?page=1&page=2", "query"),
        ("/v1/accounts/a1?drivers=x", "query.drivers"),
        ("/v1/model?key=secret", "query"),
    ],
)
def test_a_bad_query_is_refused_with_its_place(client, caplog, query, where):
    refused(client.get(query), 400, "CH516", where, caplog)


def test_the_number_of_drivers_is_checked_before_the_body_is_looked_at(client, caplog):
    answer = client.post("/v1/score?drivers=true", content=b"", headers=JSON)
    refused(answer, 400, "CH516", "query.drivers", caplog)


def test_an_unknown_account_is_not_found_and_its_id_not_repeated(client, caplog):
    refused(client.get(f"/v1/accounts/{CANARY}"), 404, "CH503", "", caplog)


def test_an_account_of_the_stored_scores_leaves_no_id_in_the_log(client, book, caplog):
    account_id = book.scores["account_id"][0]
    assert client.get(f"/v1/accounts/{account_id}").status_code == 200
    ours = [r.getMessage() for r in caplog.records if r.name == "churnhealth.serve"]
    assert ours
    assert not [line for line in ours if account_id in line]
    assert "GET /v1/accounts/{account_id:path} 200" in ours[-1]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "10.0.0.1"]
)
def test_a_foreign_host_name_is_refused_everywhere(client, caplog, host):
    for path in ("/", "/livez", "/v1/model", "/metrics"):
        answer = client.get(path, headers={"host": host})
        refused(answer, 421, "CH515", "Host", caplog)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "[::1]:3000", "[::1]"])
def test_the_names_of_loopback_are_known(client, host):
    assert client.get("/livez", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/livez", "/v1/model", "/v1/accounts", "/nowhere", "/openapi.json"]
)
def test_every_answer_tells_browsers_to_be_careful(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert len(headers["x-request-id"]) == 16


def test_a_fault_of_ours_is_a_500_that_says_nothing_of_the_request(
    bundle_folder, caplog
):
    from churnhealth.bundle import load_bundle

    serving = make_serving(load_bundle(bundle_folder))
    object.__setattr__(serving.bundle, "peers", None)  # nothing may rely on luck
    with client_of(Live(serving=serving), raise_server_exceptions=False) as client:
        refused(client.get("/v1/features"), 500, "CH519", "", caplog)
        body = accounts(f'{{"account_id": "{CANARY}"}}').encode()
        assert client.post("/v1/score", content=body, headers=JSON).status_code == 200


def test_every_answer_is_counted_by_its_route_not_by_its_path(bundle):
    seen = []
    live = Live(serving=make_serving(bundle))
    with client_of(live, observer=Noting(seen)) as client:
        for path in ("/livez", "/v1/accounts/a1", f"/{CANARY}", f"/{CANARY}/2"):
            client.get(path)
    assert seen == [
        ("/livez", 200),
        ("/v1/accounts/{account_id:path}", 404),
        ("(unknown)", 404),
        ("(unknown)", 404),
    ]


def test_who_left_before_the_answer_is_counted_after_it_was_tried(bundle):
    seen, before = [], []

    async def gone(message):
        before.append([*seen])
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    async def ask():
        app = create_app(
            Live(serving=make_serving(bundle)), Serve(), observer=Noting(seen)
        )
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/livez",
            "headers": [(b"host", b"127.0.0.1")],
            "query_string": b"",
        }
        await app.state.guard(scope, None, gone)

    with contextlib.suppress(ConnectionResetError):
        asyncio.run(ask())
    assert before == [[], []]  # the caller does not wait for our notes
    assert seen == [("/livez", 200)]
