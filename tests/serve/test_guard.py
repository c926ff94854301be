"""What is refused, with which status and code, and that nothing of it is repeated."""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.served import AS_OF, client_of, strict

from churnhealth.errors import RequestError
from churnhealth.serve.live import Live, make_serving
from churnhealth.serve.observed import Observer
from churnhealth.serve.strict import strict_json

CANARY = "zebra-7341"
JSON = {"content-type": "application/json"}
DAY = f'"as_of": "{AS_OF}"'


def accounts(text):
    return f'{{{DAY}, "accounts": [{text}]}}'


def event(text):
    return accounts(
        f'{{"account_id": "a", "events": [{{"source": "product", {text}}}]}}'
    )


def contract(text):
    return accounts(f'{{"account_id": "a", "contracts": [{{{text}}}]}}')


def state(text):
    return accounts(f'{{"account_id": "a", "states": [{{"source": "pulse", {text}}}]}}')


def rows(text):
    return f'{{{DAY}, "rows": [{text}]}}'


NOW = '"happened_at": "2025-08-01"'
DEEP = "[" * 100_000 + "]" * 100_000

BODIES = {
    # not JSON
    "nothing": ("", 400, "CH514", ""),
    "no JSON": (CANARY, 400, "CH514", ""),
    "half of it": (f'{{{DAY}, "accounts": [{{"{CANARY}', 400, "CH514", ""),
    "two values": (accounts('{"account_id": "a"}') + " {}", 400, "CH514", ""),
    "a trailing comma": (accounts('{"account_id": "a"},'), 400, "CH514", ""),
    "a comment": (f"{{{DAY}, /* {CANARY} */ }}", 400, "CH514", ""),
    "single quotes": ("{'as_of': '2025-09-01'}", 400, "CH514", ""),
    "NaN": (event(f'{NOW}, "count": NaN'), 400, "CH514", ""),
    "Infinity": (event(f'{NOW}, "count": Infinity'), 400, "CH514", ""),
    "-Infinity": (event(f'{NOW}, "count": -Infinity'), 400, "CH514", ""),
    "a field twice": (accounts('{"account_id": "a", "account_id": "b"}'), 400, "CH514",
                      ""),
    "as_of twice": (f'{{{DAY}, {DAY}, "accounts": []}}', 400, "CH514", ""),
    "a deep list": (accounts(DEEP), 400, "CH514", ""),
    "a deep object": ('{"a":' * 5_000 + "1" + "}" * 5_000, 400, "CH514", ""),
    "deep and never closed": ("[" * 100_000, 400, "CH514", ""),
    "half a character": (accounts('{"account_id": "\\ud83d"}'), 400, "CH514", ""),
    "an integer of 5,000 digits": (event(f'{NOW}, "count": {"9" * 5000}'), 400,
                                   "CH514", ""),
    "a control character": (accounts(f'{{"account_id": "{CANARY}\n"}}'), 400, "CH514",
                            ""),
    "a byte order mark": ("\ufeff" + accounts('{"account_id": "a"}'), 400, "CH514", ""),
    # not what we ask for
    "a list": ("[]", 400, "CH521", "body"),
    "a text": (f'"{CANARY}"', 400, "CH521", "body"),
    "null": ("null", 400, "CH521", "body"),
    "an empty object": ("{}", 400, "CH524", "as_of"),
    "no accounts": (f"{{{DAY}}}", 400, "CH524", "accounts"),
    "an empty list": (accounts(""), 400, "CH524", "accounts"),
    "accounts that are an object": (f'{{{DAY}, "accounts": {{}}}}', 400, "CH521",
                                    "accounts"),
    "a field that does not exist": (f'{{{DAY}, "accounts": [], "{CANARY}": 1}}', 400,
                                    "CH522", "body"),
    "an account that is a text": (accounts(f'"{CANARY}"'), 400, "CH521", "accounts[0]"),
    "an account that is null": (accounts("null"), 400, "CH521", "accounts[0]"),
    "an account without id": (accounts("{}"), 400, "CH524", "accounts[0].account_id"),
    "a blank id": (accounts('{"account_id": " "}'), 400, "CH524",
                   "accounts[0].account_id"),
    "an id that is true": (accounts('{"account_id": true}'), 400, "CH521",
                           "accounts[0].account_id"),
    "an id of 1,001 characters": (accounts(f'{{"account_id": "{"x" * 1001}"}}'), 400,
                                  "CH521", "accounts[0].account_id"),
    "an account twice": (accounts('{"account_id": "a"}, {"account_id": "a"}'), 400,
                         "CH525", "accounts[1].account_id"),
    "an unknown field of an account": (
        accounts(f'{{"account_id": "a", "{CANARY}": 1}}'), 400, "CH522", "accounts[0]"),
    "an unknown field of a profile": (
        accounts(f'{{"account_id": "a", "profile": {{"{CANARY}": 1}}}}'), 400, "CH522",
        "accounts[0].profile"),
    "events that are a text": (accounts(f'{{"account_id": "a", "events": "{CANARY}"}}'),
                               400, "CH521", "accounts[0].events"),
    # days and times
    "an as_of that is a number": ('{"as_of": 20250901, "accounts": [{}]}', 400, "CH502",
                                  "as_of"),
    "an as_of that is null": ('{"as_of": null, "accounts": [{}]}', 400, "CH524",
                              "as_of"),
    "an as_of with a time": ('{"as_of": "2025-09-01T00:00:00Z", "accounts": [{}]}', 400,
                             "CH502", "as_of"),
    "an as_of that never was": ('{"as_of": "2025-02-29", "accounts": [{}]}', 400,
                                "CH502", "as_of"),
    "an as_of far away": ('{"as_of": "9999-12-31", "accounts": [{}]}', 400, "CH502",
                          "as_of"),
    "an as_of in other digits": ('{"as_of": "２０２５-09-01", "accounts": [{}]}', 400,
                                 "CH502", "as_of"),
    "an event without a time": (event('"count": 1'), 400, "CH524",
                                "accounts[0].events[0].happened_at"),
    "an event at no time": (event(f'"happened_at": "{CANARY}"'), 400, "CH521",
                            "accounts[0].events[0].happened_at"),
    "an event in seconds since 1970": (event('"happened_at": 1754006400'), 400, "CH521",
                                       "accounts[0].events[0].happened_at"),
    # numbers
    "a count in quotes": (event(f'{NOW}, "count": "1"'), 400, "CH521",
                          "accounts[0].events[0].count"),
    "a count that is true": (event(f'{NOW}, "count": true'), 400, "CH521",
                             "accounts[0].events[0].count"),
    "a negative count": (event(f'{NOW}, "count": -1'), 400, "CH521",
                         "accounts[0].events[0].count"),
    "half a count": (event(f'{NOW}, "count": 0.5'), 400, "CH521",
                     "accounts[0].events[0].count"),
    "1e999": (event(f'{NOW}, "count": 1e999'), 400, "CH521",
              "accounts[0].events[0].count"),
    "an amount beyond all money": (event(f'{NOW}, "amount": 1e300'), 400, "CH521",
                                   "accounts[0].events[0].amount"),
    "a value in quotes": (contract('"start": "2025-01-01", "value": "900"'), 400,
                          "CH521", "accounts[0].contracts[0].value"),
    "seats that are a list": (contract('"start": "2025-01-01", "seats": [20]'), 400,
                              "CH521", "accounts[0].contracts[0].seats"),
    "a contract without start": (contract('"end": "2026-01-01"'), 400, "CH524",
                                 "accounts[0].contracts[0].start"),
    "an unknown field of a contract": (
        contract(f'"start": "2025-01-01", "{CANARY}": 1'), 400, "CH522",
        "accounts[0].contracts[0]"),
    "a state without value": (state('"state": "pulse", "known_at": "2025-01-01"'), 400,
                              "CH524", "accounts[0].states[0].value"),
    "a state whose value is false": (
        state('"state": "pulse", "known_at": "2025-01-01", "value": false'), 400,
        "CH521", "accounts[0].states[0].value"),
    "an unknown source": (
        accounts(f'{{"account_id": "a", "events": [{{"source": "{CANARY}", {NOW}}}]}}'),
        400, "CH523", "accounts[0].events[0].source"),
    "an unknown field of an event": (event(f'{NOW}, "{CANARY}": 1'), 400, "CH522",
                                     "accounts[0].events[0]"),
    "the fourth of four": (
        accounts('{"account_id": "a"}, {"account_id": "b"}, {"account_id": "c"},'
                 f' {{"account_id": "d", "events": [{{"source": "product", {NOW}}},'
                 f' {{"source": "product", "happened_at": "{CANARY}"}}]}}'),
        400, "CH521", "accounts[3].events[1].happened_at"),
    # too much
    "one account over the cap": (
        accounts(", ".join(f'{{"account_id": "{i}"}}' for i in range(51))), 413,
        "CH517", "accounts"),
    "a body over the cap": (accounts(f'{{"account_id": "{"x" * 2**21}"}}'), 413,
                            "CH513", ""),
}  # fmt: skip

NO_NUMBER = ("true", f'"{CANARY}"', '"1"', "[1]", "{}", "1e999")
NO_MOMENT = ("20250101", "true", f'"{CANARY}"', "[]", '"2025-02-30"')
KINDS = {  # how a row of a table is written, and its fields by what they cannot be
    "events": (event, NOW, {
        NO_NUMBER: ("count", "amount", "users"), NO_MOMENT: ("known_at", "ended_at")}),
    "contracts": (contract, '"start": "2025-01-01"', {
        NO_NUMBER: ("value", "seats", "term_months", "discount"),
        NO_MOMENT: ("end", "cancelled_at", "notice_at", "known_at")}),
    "states": (state, '"state": "pulse"', {
        NO_NUMBER: ("value",), NO_MOMENT: ("known_at",)}),
}  # fmt: skip
OF_EVERY_FIELD = [
    (table, field, value)
    for table, (_, _, fields) in KINDS.items()
    for values, names in fields.items()
    for field in names
    for value in values
]

FEATURES = {
    "rows missing": (f"{{{DAY}}}", 400, "CH524", "rows"),
    "the fields of the other route": (accounts('{"account_id": "a"}'), 400, "CH522",
                                      "body"),
    "no features": (rows('{"account_id": "a"}'), 400, "CH521", "rows[0].features"),
    "an unknown feature": (
        rows(f'{{"account_id": "a", "features": {{"{CANARY}": 1}}}}'), 400, "CH527",
        "rows[0].features"),
    "an account twice": (rows('{"account_id": "a", "features": {}},'
                              '{"account_id": "a", "features": {}}'), 400, "CH525",
                         "rows[1].account_id"),
    "an unknown field": (
        rows(f'{{"account_id": "a", "features": {{}}, "{CANARY}": 1}}'), 400, "CH522",
        "rows[0]"),
}  # fmt: skip

VALUES = {"true": "CH521", '"1"': "CH521", "[1]": "CH521", "1e999": "CH521",
          "NaN": "CH514", "{}": "CH521"}  # fmt: skip


def refused(answer, status, code, where, caplog):
    told = strict(answer.text)
    assert (answer.status_code, told["error"]["code"]) == (status, code), answer.text
    assert set(told) == {"error"}
    assert set(told["error"]) == {"code", "message", "where"}
    assert told["error"]["where"] == where
    for text in (answer.text, caplog.text):
        assert CANARY not in text
        assert "Traceback" not in text


@pytest.fixture(autouse=True)
def every_line(caplog):
    caplog.set_level(logging.WARNING, logger="httpx")  # the client's own lines
    caplog.set_level(logging.DEBUG)  # the last one also sets what is captured


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_with_its_place(client, caplog, name):
    body, status, code, where = BODIES[name]
    answer = client.post("/v1/score", content=body.encode(), headers=JSON)
    refused(answer, status, code, where, caplog)


@pytest.mark.parametrize(("table", "field", "value"), OF_EVERY_FIELD)
def test_a_value_of_the_wrong_kind_is_refused_in_every_field(
    client, caplog, table, field, value
):
    row, rest, _ = KINDS[table]
    if table == "states" and field == "value":
        rest = f'{rest}, "known_at": "2025-01-01"'
    body = row(f'{rest}, "{field}": {value}').encode()
    answer = client.post("/v1/score", content=body, headers=JSON)
    refused(answer, 400, "CH521", f"accounts[0].{table}[0].{field}", caplog)


@pytest.mark.parametrize("name", FEATURES)
def test_a_bad_body_of_feature_rows_is_refused(client, caplog, name):
    body, status, code, where = FEATURES[name]
    answer = client.post("/v1/score/features", content=body.encode(), headers=JSON)
    refused(answer, status, code, where, caplog)


@pytest.mark.parametrize("value", VALUES)
def test_a_feature_that_is_no_number_is_refused(client, caplog, bundle, value):
    name = bundle.names[0]
    body = rows(f'{{"account_id": "{CANARY}", "features": {{"{name}": {value}}}}}')
    answer = client.post("/v1/score/features", content=body, headers=JSON)
    where = f"rows[0].features.{name}" if VALUES[value] == "CH521" else ""
    refused(answer, 400, VALUES[value], where, caplog)


@pytest.mark.parametrize(
    "content",
    [b'{"as_of": "\xff"}', "{}".encode("utf-16"), b"\x1f\x8b\x08\x00" + b"\x00" * 20],
)
def test_bytes_that_are_no_text_are_refused(client, caplog, content):
    answer = client.post("/v1/score", content=content, headers=JSON)
    refused(answer, 400, "CH514", "", caplog)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/jsonp"},
        {"content-type": f"{CANARY}/json"},
        {**JSON, "content-encoding": "gzip"},
    ],
)
def test_only_plain_json_is_read(client, caplog, headers):
    body = accounts('{"account_id": "a"}').encode()
    answer = client.post("/v1/score", content=body, headers=headers)
    refused(answer, 415, "CH512", "Content-Type", caplog)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=UTF-8", "Application/JSON"]
)
def test_json_may_say_that_it_is_utf_8(client, kind):
    body = accounts('{"account_id": "a"}').encode()
    answer = client.post("/v1/score", content=body, headers={"content-type": kind})
    assert answer.status_code == 200


def test_a_body_that_hides_its_length_is_cut_off_at_the_cap(client, caplog):
    sent = 0

    def endless():
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 2**17

    answer = client.post("/v1/score", content=endless(), headers=JSON)
    refused(answer, 413, "CH513", "", caplog)


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

    class Seen(Observer):
        def answered(self, route, status, seconds):  # noqa: ARG002
            seen.append((route, status))

    live = Live(serving=make_serving(bundle))
    with client_of(live, observer=Seen()) as client:
        for path in ("/livez", "/v1/accounts/a1", f"/{CANARY}", f"/{CANARY}/2"):
            client.get(path)
    assert seen == [
        ("/livez", 200),
        ("/v1/accounts/{account_id:path}", 404),
        ("(unknown)", 404),
        ("(unknown)", 404),
    ]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('ab[]{}"\\'), inner),
    max_leaves=20,
)


@given(plain)
@settings(max_examples=200)
def test_all_json_of_modest_depth_is_read_as_python_reads_it(value):
    for ascii_only in (True, False):
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert strict_json(body) == value


@given(st.lists(st.tuples(st.sampled_from("a:b"), plain), min_size=4, max_size=5))
def test_a_field_that_is_named_twice_is_refused_however_deep_it_lies(pairs):
    # four pairs or five under three names
    text = ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs)
    body = f'[1,{{"x":{{{text}}}}}]'.encode()
    with pytest.raises(RequestError, match=r"a field twice|nested too deeply"):
        strict_json(body)


@given(st.binary() | st.text().map(str.encode))
@settings(max_examples=200)
def test_any_bytes_are_read_or_refused_and_nothing_else(body):
    try:
        value = strict_json(body)
    except RequestError as error:
        code = error.code
    else:
        assert strict_json(json.dumps(value).encode()) == value
        code = "CH514"
    assert code == "CH514"


@pytest.mark.parametrize("depth", [16, 17])
def test_depth_is_counted_outside_of_texts(depth):
    inside = json.dumps("[{" * 50 + '\\"')
    body = "[" * depth + inside + "]" * depth
    if depth == 16:
        strict_json(body.encode())
    else:
        with pytest.raises(RequestError, match="nested too deeply"):
            strict_json(body.encode())
