"""What the service answers, in process, on a real bundle."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from tests.serve.served import AS_OF, client_of, post, strict

from churnhealth.archive.plain import plain_rows
from churnhealth.archive.runs import write_scores
from churnhealth.features.runtime import feature_table
from churnhealth.scoring import score_history
from churnhealth.serve.live import Live, make_serving
from churnhealth.sources.contract import day_of
from churnhealth.sources.rows import history_from_rows

DAY = day_of(AS_OF)


def some(book, status="scored", n=8):
    ids, statuses = book.scores["account_id"], book.scores["status"]
    return ids[statuses == status][:n].tolist()


def ask(client, accounts, *, drivers=1000):
    body = {"as_of": str(AS_OF), "accounts": accounts}
    answer = post(client, f"/v1/score?drivers={drivers}", body)
    assert answer.status_code == 200, answer.text
    return strict(answer.text)


def batch(book):
    scores = {row["account_id"]: row for row in plain_rows(book.scores)}
    drivers = {}
    for row in plain_rows(book.drivers):
        drivers.setdefault(row["account_id"], []).append(row)
    return scores, drivers


def assert_same(score, row, drivers):
    for name in ("status", "churn_probability", "health_score", "band", "coverage"):
        assert score[name] == row[name], name
    assert score["as_of"] == row["as_of"]
    assert score["rules"]["score"] == row["rules_score"]
    assert score["rules"]["band"] == row["rules_band"]
    assert score["agreement"] == row["agreement"]
    assert score["categories"] == {
        c: row[f"health_{c}"] for c in ("usage", "value", "experience", "contract")
    }
    kept = [k for k in drivers[0] if k not in ("account_id", "as_of", "rank")]
    assert [[d[k] for k in kept] for d in score["drivers"]] == [
        [d[k] for k in kept] for d in drivers
    ]


def test_features_of_sent_rows_equal_the_batch_to_the_last_bit(
    bundle, history, book, raw
):
    ids = some(book, n=60)
    at = [history.accounts.ids.tolist().index(i) for i in ids]
    where = {"as_of": np.full(len(ids), DAY), "gap_days": bundle.question.gap_days}
    whole = feature_table(history, bundle.specs, account=np.array(at), **where)
    sent = history_from_rows(bundle.schema, [raw(i) for i in ids])
    alone = feature_table(sent, bundle.specs, account=np.arange(len(ids)), **where)
    assert whole.values.tobytes() == alone.values.tobytes()


def test_a_score_of_raw_rows_equals_the_batch_to_the_last_bit(client, book, raw):
    scores, drivers = batch(book)
    for i in some(book):
        (score,) = ask(client, [raw(i)])["scores"]
        assert_same(score, scores[i], drivers[i])


def test_many_accounts_in_one_request_come_back_as_they_were_sent(client, book, raw):
    scores, drivers = batch(book)
    ids = some(book, n=20)[::-1]
    answered = ask(client, [raw(i) for i in ids])["scores"]
    assert [s["account_id"] for s in answered] == ids
    for score in answered:
        i = score["account_id"]
        assert_same(score, scores[i], drivers[i])


def test_drivers_add_up_to_the_probability(client, book, raw):
    (score,) = ask(client, [raw(some(book)[0])])["scores"]
    points = sum(d["effect_points"] for d in score["drivers"])
    moved = 100 * (score["churn_probability"] - score["base_probability"])
    assert points == pytest.approx(moved, abs=1e-9)


def test_as_many_drivers_come_as_were_asked_for_and_none_by_default(client, book, raw):
    account = raw(some(book)[0])
    three = ask(client, [account], drivers=3)["scores"][0]["drivers"]
    assert three == ask(client, [account])["scores"][0]["drivers"][:3]
    body = {"as_of": str(AS_OF), "accounts": [account]}
    (score,) = post(client, "/v1/score", body).json()["scores"]
    assert score["drivers"] == []
    assert score["churn_probability"] is not None


@pytest.mark.parametrize("status", ["too_new", "announced", "grace", "churned"])
def test_an_account_that_is_not_scored_has_its_status_and_no_probability(
    client, history, bundle, raw, status
):
    for day in range(DAY - 400, DAY + 1, 10):
        then = score_history(bundle, history, as_of=day, scored_at=now(day))
        ids = some(then, status)
        if ids:
            break
    else:
        pytest.skip(f"nobody in the sample is ever {status}")
    body = {"as_of": str(np.datetime64(day, "D")), "accounts": [raw(ids[0])]}
    (score,) = post(client, "/v1/score?drivers=5", body).json()["scores"]
    assert score["status"] == status
    nothing = ("churn_probability", "base_probability", "health_score", "band")
    assert [score[name] for name in nothing] == [None] * 4
    assert score["rules"] == {"score": None, "band": None, "reasons": []}
    assert score["drivers"] == []


def now(day):
    from datetime import UTC, datetime

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(day))


def test_an_account_that_was_never_a_customer_is_answered_too(client, raw, book):
    known = raw(some(book)[0])
    nobody = {"account_id": "nobody", "contracts": []}
    answered = ask(client, [nobody, known])["scores"]
    assert [s["status"] for s in answered] == ["not_in_question", "scored"]
    assert set(answered[0]) == set(answered[1])


def test_an_id_may_be_a_number_and_comes_back_as_text(client):
    assert ask(client, [{"account_id": 17}])["scores"][0]["account_id"] == "17"


def test_rules_say_why_in_words_asked_now_or_read_from_the_run(client, book, raw):
    for account_id in some(book)[:3]:
        (score,) = ask(client, [raw(account_id)])["scores"]
        assert len(score["rules"]["reasons"]) > 2
        assert score["rules"]["reasons"][0].startswith(score["rules"]["band"])
        stored = client.get(f"/v1/accounts/{account_id}").json()
        assert stored["rules"] == score["rules"]


def test_feature_rows_get_the_same_score_as_the_history_behind_them(
    client, bundle, book
):
    scores, drivers = batch(book)
    ids = some(book)
    rows = [
        {
            "account_id": i,
            "features": {
                name: None if np.isnan(value) else value
                for name, value in zip(bundle.names, values.tolist(), strict=True)
            },
        }
        for i, values in zip(ids, book.values, strict=False)
    ]
    body = {"as_of": str(AS_OF), "rows": rows}
    answer = post(client, "/v1/score/features?drivers=1000", body)
    for i, score in zip(ids, strict(answer.text)["scores"], strict=True):
        # what was measured earlier is not sent, so nothing is said of the past
        now_alone = [
            {**d, "own_past": None, "sentence": s["sentence"]}
            for d, s in zip(drivers[i], score["drivers"], strict=True)
        ]
        assert_same(score, scores[i], now_alone)


def test_features_may_be_named_in_any_order(client, bundle):
    def scores(names):
        row = {"account_id": "a", "features": {n: float(len(n)) for n in names}}
        body = {"as_of": str(AS_OF), "rows": [row]}
        return post(client, "/v1/score/features?drivers=9", body).json()["scores"]

    orders = (bundle.names, bundle.names[::-1], sorted(bundle.names))
    told = [scores(order) for order in (*orders, *orders)]
    assert all(one == told[0] for one in told)
    assert scores(bundle.names[1:]) != told[0]


def test_a_feature_that_is_not_sent_is_missing_not_zero(client, bundle):
    body = {"as_of": str(AS_OF), "rows": [{"account_id": "a", "features": {}}]}
    (score,) = post(client, "/v1/score/features", body).json()["scores"]
    assert (score["coverage"], score["band"]) == (0.0, "grey")


def test_an_answer_names_one_model_version(client, bundle, book, raw):
    answered = ask(client, [raw(some(book)[0])])
    assert answered["model_version"] == bundle.model_version
    assert answered["bands_version"] == bundle.bands_version
    assert client.get("/v1/model").json()["model_version"] == bundle.model_version
    assert client.get("/readyz").json()["model_version"] == bundle.model_version


def test_the_stored_score_of_an_account_is_the_batchs(client, book):
    scores, drivers = batch(book)
    for i in some(book, n=3):
        answer = client.get(f"/v1/accounts/{i}")
        score = strict(answer.text)
        assert_same(score, scores[i], drivers[i])
        assert score["expected_loss"] == scores[i]["expected_loss"]
        assert score["base_probability"] is not None
        assert len(client.get(f"/v1/accounts/{i}?drivers=2").json()["drivers"]) == 2


def test_stored_scores_are_filtered_sorted_and_paged(client, book):
    everyone = strict(client.get("/v1/accounts?page_size=500").text)
    assert everyone["total"] == book.scores["account_id"].size
    losses = [a["expected_loss"] for a in everyone["accounts"]]
    known = [x for x in losses if x is not None]
    assert known == sorted(known, reverse=True)
    assert losses[: len(known)] == known  # the unknown stand last
    first = client.get("/v1/accounts?page_size=7&page=1").json()["accounts"]
    second = client.get("/v1/accounts?page_size=7&page=2").json()["accounts"]
    assert first + second == everyone["accounts"][:14]
    past_the_end = client.get("/v1/accounts?page=999").json()
    assert past_the_end["accounts"] == []
    for band in ("green", "red,orange"):
        found = client.get(f"/v1/accounts?band={band}&page_size=500").json()
        wanted = [a for a in everyone["accounts"] if a["band"] in band.split(",")]
        assert found["accounts"] == wanted
    owner = next(a["owner"] for a in everyone["accounts"] if a["owner"])
    found = client.get("/v1/accounts", params={"owner": owner}).json()["accounts"]
    assert {a["owner"] for a in found} == {owner}
    by_name = client.get("/v1/accounts?sort=account_id&page_size=500").json()
    ids = [a["account_id"] for a in by_name["accounts"]]
    assert ids == sorted(ids)
    blank = client.get("/v1/accounts?owner=&segment=&page_size=500").json()
    assert blank == everyone


def test_the_catalogue_names_every_feature_in_the_models_order(client, bundle):
    features = strict(client.get("/v1/features").text)["features"]
    assert [f["name"] for f in features] == list(bundle.names)
    assert all(f["label"] and f["category"] for f in features)


def test_the_portfolio_page_shows_the_stored_scores(client, book):
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert some(book)[0] in client.get(f"/?q={some(book)[0]}").text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in answer.text
    assert "unsafe" not in policy
    assert client.get(f"/accounts/{some(book)[0]}").status_code == 200
    assert client.get("/accounts/nobody").status_code == 404


def test_without_scores_the_page_says_how_to_make_them(bundle):
    with client_of(Live(serving=make_serving(bundle))) as client:
        assert "churnhealth score --bundle" in client.get("/").text
        for path in ("/v1/accounts", "/v1/accounts/a1"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "CH501"
        for path in ("/accounts/a1", "/board"):
            answer = client.get(path)
            assert (answer.status_code, "CH501" in answer.text) == (404, True)


def test_new_scores_are_served_without_a_restart(bundle, history, book, tmp_path):
    write_scores(book, tmp_path, as_of=AS_OF)
    live = Live(serving=make_serving(bundle, scores=tmp_path))
    with client_of(live) as client:
        i = some(book)[0]
        assert client.get(f"/v1/accounts/{i}").json()["as_of"] == str(AS_OF)
        later = score_history(bundle, history, as_of=DAY + 7, scored_at=now(DAY + 7))
        write_scores(later, tmp_path, as_of=np.datetime64(DAY + 7, "D").item())
        fresh = client.get(f"/v1/accounts/{i}").json()
        assert fresh["as_of"] == str(np.datetime64(DAY + 7, "D"))
        (tmp_path / "current").write_text("2031-01-01\n")
        assert client.get(f"/v1/accounts/{i}").json() == fresh


def test_before_a_model_is_loaded_only_livez_says_yes(bundle_folder):
    with client_of(Live()) as client:
        assert client.get("/livez").json() == {"status": "alive"}
        for path in ("/readyz", "/v1/model", "/v1/features", "/v1/accounts"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "CH518"
        assert post(client, "/v1/score", {}).status_code == 503


def test_a_question_waits_for_a_model_that_is_still_being_loaded(bundle):
    live = Live(loading=threading.Event())

    def load():
        live.serving = make_serving(bundle)
        live.loading.set()

    with client_of(live) as client:
        assert client.get("/readyz").status_code == 503
        loader = threading.Timer(0.2, load)
        loader.start()
        assert client.get("/v1/model").status_code == 200
        loader.join()


def test_a_request_long_after_training_still_measures_what_it_sends(bundle, book, raw):
    """The rows vouch for their sources: windows are counted, not missing."""
    later = max(e.coverage.known[-1] for e in bundle.schema.events) + 120
    account = raw(some(book, n=1)[0])
    wanted = [s for s in bundle.specs if s.name == "product__all__count__28d"]
    where = {"account": np.zeros(1, np.int64), "as_of": np.array([later])}
    seen = {
        name: feature_table(
            history_from_rows(schema, [account]),
            wanted,
            gap_days=bundle.question.gap_days,
            **where,
        ).values[0, 0]
        for name, schema in (
            ("stale", bundle.schema),
            ("vouched", bundle.schema.vouched(later, alive_at=bundle.as_of)),
        )
    }
    assert np.isnan(seen["stale"])
    assert seen["vouched"] == 0.0
