"""Which bodies are refused, with which code and place; nothing of them is repeated."""

import pytest
from tests.serve.refused import CANARY, DAY, JSON, accounts, refused

pytestmark = pytest.mark.usefixtures("every_line")


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
    "the second of two events": (
        accounts(f'{{"account_id": "d", "events": [{{"source": "product", {NOW}}},'
                 f' {{"source": "product", "happened_at": "{CANARY}"}}]}}'),
        400, "CH521", "accounts[0].events[1].happened_at"),
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
