"""What a run keeps of an account beside its score: a term nobody has seen renewed."""

from dataclasses import replace

import numpy as np
import pytest
from tests.made import AS_OF, bundle_of, loaded, settings
from tests.scored import book
from tests.serve.served import client_of

from churnhealth.archive.beside import beside_tables
from churnhealth.archive.runs import write_scores
from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.commands.cautions import cautions
from churnhealth.evaluate.terms import terms_due, terms_seen
from churnhealth.serve.live import Live, make_serving
from churnhealth.sources.contract import date_of


def knowing(seen, **more):
    bundle = bundle_of("gbm", **more)
    return replace(bundle, card={**bundle.card, "terms_seen": seen})


def due():
    return terms_due(book().values, book().names, settings().question)


def profile(bundle):
    return beside_tables(bundle, loaded().history, book(), as_of=AS_OF)["profile"]


def told(bundle):
    return cautions(bundle, settings(), loaded().history, book(), day=AS_OF) or ""


def test_a_term_that_ends_and_that_training_never_saw_end_is_kept_with_its_account():
    terms = terms_seen(due())
    assert len(terms) > 1, "the company has several terms"
    found = profile(knowing(terms[:-1]))
    scored = book().scores["account_id"][book().scores["status"] == "scored"]
    expected = scored[due() == terms[-1]]
    new = np.isfinite(found["unseen_term"])
    assert sorted(found["account_id"][new]) == sorted(expected)
    assert set(found["unseen_term"][new]) == {terms[-1]}


def test_where_no_term_came_up_in_training_every_one_is_the_first():
    new = np.isfinite(profile(knowing([]))["unseen_term"])
    assert int(new.sum()) == int(np.isfinite(due()).sum()) > 0


def test_the_run_warns_of_it_once_for_all_accounts():
    terms = terms_seen(due())
    many = int((due() == terms[-1]).sum())
    text = told(knowing(terms[:-1]))
    assert f"{many} account" in text
    assert f"a term of {terms[-1]:.0f} months" in text


@pytest.mark.parametrize(
    "bundle",
    [
        pytest.param(lambda: knowing(terms_seen(due())), id="all were seen"),
        pytest.param(lambda: bundle_of("gbm"), id="made before they were noted"),
        pytest.param(lambda: knowing([1000.0], skill=False), id="it decides nothing"),
    ],
)
def test_nothing_is_said_where_there_is_nothing_to_say(bundle):
    assert np.isnan(profile(bundle())["unseen_term"]).all()
    assert "a term of" not in told(bundle())


def test_the_page_of_the_account_says_so_and_no_other(tmp_path):
    terms = terms_seen(due())
    bundle = knowing(terms[:-1])
    beside = beside_tables(bundle, loaded().history, book(), as_of=AS_OF)
    write_scores(book(), tmp_path / "s", as_of=date_of(AS_OF), beside=beside)
    new = np.isfinite(beside["profile"]["unseen_term"])
    ids = beside["profile"]["account_id"]
    served = load_bundle(save_bundle(bundle, tmp_path / "b"))  # it is set for serving
    live = Live(serving=make_serving(served, scores=tmp_path / "s"))
    with client_of(live) as client:
        first = client.get(f"/accounts/{ids[new][0]}").text
        other = client.get(f"/accounts/{ids[~new][0]}").text
    assert f"No contract of about {terms[-1]:.0f} months had come up" in first
    assert "had come up for renewal" not in other
