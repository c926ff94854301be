"""A new model takes the old one's place; a bad one changes nothing."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.serve.served import bent_copy

from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.errors import BundleError
from churnhealth.registry import Champion, crown
from churnhealth.serve.follow import Follower
from churnhealth.serve.live import Live
from churnhealth.serve.observed import Observer
from churnhealth.serve.trial import faults, try_bundle

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Seen(Observer):
    def __init__(self):
        self.served, self.refused = [], []

    def serves(self, bundle):
        self.served.append(bundle.model_version)

    def refused_bundle(self, code):
        self.refused.append(code)


@pytest.fixture(scope="module")
def models(bundle, tmp_path_factory):
    """A registry of two bundles that differ in their card, hence in their version."""
    folder = tmp_path_factory.mktemp("models")
    made = {}
    for name in ("first", "second"):
        one = replace(bundle, card={**bundle.card, "name": name})
        save_bundle(one, folder / name)
        made[name] = Champion(folder=name, model_version=one.model_version)
    return folder, made


def crowned(models, folder, name, over):
    known = models[1]
    before = None if over is None else known[over]
    crown(folder, known[name], over=before, at=NOW, evidence={})


def copied(models, tmp_path):
    folder = tmp_path / "models"
    shutil.copytree(models[0], folder)
    return folder


def test_the_champion_is_followed_and_a_damaged_one_is_not(models, tmp_path):
    folder, known, live, seen = copied(models, tmp_path), models[1], Live(), Seen()
    follower = Follower(live, models=folder, observer=seen)
    follower.look()
    assert (live.serving, live.refusal.code) == (None, "CH621")

    crowned(models, folder, "first", None)
    follower.look()
    assert live.serving.bundle.model_version == known["first"].model_version
    follower.look()
    assert seen.served == [known["first"].model_version]  # looked at once, not twice

    damaged = folder / "second" / "model.txt"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole.replace(b"num_leaves", b"num_leafs!", 1))
    crowned(models, folder, "second", "first")
    follower.look()
    follower.look()
    assert live.serving.bundle.model_version == known["first"].model_version
    assert seen.refused == ["CH621", "CH402"]

    shutil.rmtree(folder / "second")
    shutil.copytree(models[0] / "second", folder / "second")
    follower.look()
    assert live.serving.bundle.model_version == known["second"].model_version
    assert live.refusal is None


def test_a_bundle_written_anew_in_its_folder_is_served(models, tmp_path):
    folder, live, seen = tmp_path / "bundle", Live(), Seen()
    shutil.copytree(models[0] / "first", folder)
    follower = Follower(live, folder=folder, observer=seen)
    follower.look()
    save_bundle(load_bundle(models[0] / "second"), folder)
    follower.look()
    assert seen.served == [models[1][n].model_version for n in ("first", "second")]


def test_a_pointer_that_the_system_refuses_is_said_once(models, tmp_path):
    folder, live, seen = copied(models, tmp_path), Live(), Seen()
    (folder / "champion.json").mkdir()  # refused to any user
    follower = Follower(live, models=folder, observer=seen)
    follower.look()
    follower.look()
    assert (seen.refused, live.refusal.code) == (["CH620"], "CH620")


def test_an_unreadable_pointer_is_said_once_and_changes_nothing(models, tmp_path):
    folder, live, seen = copied(models, tmp_path), Live(), Seen()
    crowned(models, folder, "first", None)
    follower = Follower(live, models=folder, observer=seen)
    follower.look()
    pointer = folder / "champion.json"
    whole = pointer.read_bytes()
    pointer.write_bytes(whole[:40])
    follower.look()
    follower.look()
    assert (seen.refused, live.serving is not None) == (["CH620"], True)
    pointer.write_bytes(whole)
    follower.look()
    assert live.serving.bundle.model_version == models[1]["first"].model_version


def test_a_worker_that_starts_anew_serves_what_the_others_do(models, tmp_path):
    folder, known = copied(models, tmp_path), models[1]
    told = {"models": folder, "good": tmp_path / "good", "observer": Seen()}
    crowned(models, folder, "first", None)
    Follower(Live(), **told).look()
    (folder / "second" / "model.txt").write_text("damaged")
    crowned(models, folder, "second", "first")

    live = Live()
    follower = Follower(live, **told)
    follower.look()
    follower.look()
    assert live.serving.bundle.model_version == known["first"].model_version
    assert live.refusal.code == "CH402"

    alone = Live()
    Follower(alone, models=folder, observer=Seen()).look()
    assert alone.serving is None  # of another service nothing is known

    shutil.rmtree(folder / "second")
    shutil.copytree(models[0] / "second", folder / "second")
    follower.look()
    assert live.serving.bundle.model_version == known["second"].model_version
    assert live.refusal is None


def test_a_trial_tells_the_version_or_what_is_wrong(models, tmp_path):
    first = models[0] / "first"
    assert try_bundle(first) == models[1]["first"].model_version
    with pytest.raises(BundleError) as caught:
        try_bundle(tmp_path / "nothing")
    assert caught.value.code == "CH401"


def bent_slope(described, model):
    described["calibrator"]["slope"] = 1e308
    return model


def cut_short(described, model):
    return model[: len(model) // 2]


def another_leaf(described, model):
    return model.replace("left_child=1 ", "left_child=9 ", 1)


@pytest.mark.parametrize("bend", [bent_slope, cut_short, another_leaf])
def test_a_bundle_with_hashes_made_to_fit_is_found_out(models, tmp_path, bend):
    folder = bent_copy(models[0] / "first", tmp_path / "bent", bend)
    with pytest.raises(BundleError) as caught:
        try_bundle(folder)
    assert caught.value.code in {"CH404", "CH406", "CH410"}


def test_drivers_that_do_not_add_up_are_found(bundle):
    class Bent:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def decision_function(self, X):
            return self.inner.decision_function(X) + 0.01

    assert faults(bundle) is None
    bent = replace(bundle, scorer=Bent(bundle.scorer))
    assert faults(bent) == "its drivers do not add up to its probability"
