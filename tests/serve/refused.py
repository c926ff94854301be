"""A word that no answer and no line of the log may repeat, and what a refusal is."""

from tests.serve.served import AS_OF, strict

CANARY = "zebra-7341"
JSON = {"content-type": "application/json"}
DAY = f'"as_of": "{AS_OF}"'


def accounts(text):
    return f'{{{DAY}, "accounts": [{text}]}}'


def refused(answer, status, code, where, caplog):
    told = strict(answer.text)
    assert (answer.status_code, told["error"]["code"]) == (status, code), answer.text
    assert set(told) == {"error"}
    assert set(told["error"]) == {"code", "message", "where"}
    assert told["error"]["where"] == where
    for text in (answer.text, caplog.text):
        assert CANARY not in text
        assert "Traceback" not in text
