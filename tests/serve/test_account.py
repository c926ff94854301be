"""What one stored account is asked over HTTP: history, what if, what would help."""

import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.serve.served import client_of, post
from tests.serve.test_openapi import answer_of, check

from churnhealth.archive.runs import write_scores
from churnhealth.bundle import load_bundle
from churnhealth.serve.live import Live, make_serving


@pytest.fixture(scope="module")
def scored(book):
    ids, status = book.scores["account_id"], book.scores["status"]
    return ids[status == "scored"].tolist()


def what_if(client, account, changes, path="/v1/what-if?drivers=1000"):
    return post(client, path, {"account_id": account, "changes": changes})


def test_what_if_tells_the_score_before_and_after(client, book, scored):
    before = client.get(f"/v1/accounts/{scored[0]}").json()
    name = before["drivers"][0]["feature"]
    answer = what_if(client, scored[0], {name: 0}).json()
    check(answer, answer_of("/v1/what-if", "post"))
    assert answer["before"]["churn_probability"] == before["churn_probability"]
    told = {d["feature"]: d["value"] for d in answer["after"]["drivers"]}
    assert told.get(name, 0) == 0
    same = what_if(client, scored[0], {name: before["drivers"][0]["value"]}).json()
    assert same["after"]["churn_probability"] == before["churn_probability"]
    assert same["after"]["account_id"] == scored[0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"account_id": "nobody", "changes": {"contracts__all__tenure": 1}}, "CH503"),
        ({"account_id": None, "changes": {"contracts__all__tenure": 1}}, "CH524"),
        ({"account_id": "a", "changes": {}}, "CH524"),
        ({"account_id": "a", "changes": []}, "CH521"),
        ({"account_id": "a", "changes": {"contracts__all__tenure": "1"}}, "CH521"),
        ({"account_id": "a", "changes": {"x": 1}, "more": 1}, "CH522"),
    ],
)
def test_what_if_refuses_what_is_no_question(client, body, code):
    answer = post(client, "/v1/what-if", body)
    assert answer.json()["error"]["code"] == code
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize("value", [1, "a text", True, 1e300])
def test_what_if_refuses_a_feature_that_the_model_does_not_have(client, scored, value):
    answer = what_if(client, scored[0], {"secret name": value})
    assert answer.json()["error"]["code"] == "CH412"
    assert "secret" not in answer.text


def test_a_suggestion_is_as_described(client, scored):
    answer = client.get(f"/v1/accounts/{scored[0]}/suggestion").json()
    check(answer, answer_of("/v1/accounts/{account_id}/suggestion"))
    assert answer["account_id"] == scored[0]
    assert client.get("/v1/accounts/nobody/suggestion").status_code == 404


def test_history_has_one_row_a_day_the_last_word_of_each(
    book, bundle_folder, scores_folder, scored, tmp_path
):
    folder = tmp_path / "scores"
    shutil.copytree(scores_folder, folder)
    october = np.full_like(book.scores["as_of"], np.datetime64("2025-10-01"))
    later = replace(book, scores={**book.scores, "as_of": october})
    write_scores(later, folder, as_of=date(2025, 10, 1))
    write_scores(book, folder, as_of=date(2025, 9, 1))
    live = Live(serving=make_serving(load_bundle(bundle_folder), scores=folder))
    with client_of(live) as client:
        path = f"/v1/accounts/{scored[0]}/history"
        answer = client.get(path).json()
        check(answer, answer_of("/v1/accounts/{account_id}/history"))
        told = [(row["as_of"], row["run"]) for row in answer["history"]]
        assert told == [("2025-09-01", 2), ("2025-10-01", 1)]
        assert {type(row["days_to_renewal"]) for row in answer["history"]} == {int}
        assert client.get("/v1/accounts/nobody/history").status_code == 404


def test_an_id_that_ends_like_a_question_is_still_an_id(book, bundle_folder, tmp_path):
    two = ["a", "a/history"]
    ids = np.array([*two, *book.scores["account_id"][2:]], dtype=object)
    renamed = replace(book, scores={**book.scores, "account_id": ids})
    write_scores(renamed, tmp_path, as_of=date(2025, 9, 1))
    live = Live(serving=make_serving(load_bundle(bundle_folder), scores=tmp_path))
    with client_of(live) as client:
        for account_id, sent in zip(two, ("a", "a%2Fhistory"), strict=True):
            stored = client.get(f"/v1/accounts/{sent}").json()
            assert (stored["account_id"], "band" in stored) == (account_id, True)
            answer = client.get(f"/v1/accounts/{sent}/history").json()
            assert (answer["account_id"], len(answer["history"])) == (account_id, 1)
