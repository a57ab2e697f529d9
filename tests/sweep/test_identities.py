"""Shared parts of identities are those that `identify` finds for each point on its own."""

import copy

import pytest

from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.identity.fingerprint import identify
from twinlib.identity.stat_cache import StatCache
from twinlib.sweep import identities
from twinlib.sweep.identities import Identities


@pytest.fixture
def of(lab):
    shared = Identities(lab.root, StatCache(lab.root / ".twin"))

    def of(config):
        found = shared.of(config)
        own = identify(config, lab.root, StatCache(lab.root / ".twin"))
        assert found == own and found.fingerprint == own.fingerprint and found.parts == own.parts
        assert found.data_files == own.data_files
        return found

    return of


def test_each_point_has_the_identity_it_has_alone(lab, of):
    (lab.root / "other").mkdir()
    (lab.root / "other" / "x.txt").write_text("4\n5\n")
    (lab.root / "more.py").write_text("def slope(): return 1\n")
    (lab.root / "start.npy").write_text("weights")
    config = compose([], lab.root)
    fingerprints = []
    for overrides in (
        ["lr=0.1"],
        ["lr=0.2"],
        ["seed=1"],
        ["+data.scale=true"],
        ["+data.scale=1"],
        ["+data.scale=one"],
        ["+data.scale=null"],
        ["data.path=other"],
        ["data.path=other", "lr=0.2"],
        ["model._target_=more.slope"],
        ["model._target_=more.slope", "lr=0.2"],
        ["+inputs.more=other/x.txt"],
        ["+inputs.more=lab.py"],
        ["code_deps=[more]"],
        ["code_deps=[more]", "lr=0.2"],
        ["+model.weights=start.npy"],
        ["+model.weights=nothing.npy"],
    ):
        fingerprints.append(of(compose(overrides, lab.root)).fingerprint)
    assert len(set(fingerprints)) == len(fingerprints)
    assert of(config).fingerprint == fingerprints[0]
    renamed = of(compose(["name=other", "export=out", "store.path=elsewhere"], lab.root))
    assert renamed.fingerprint == fingerprints[0]


def test_what_cannot_be_cached_is_so_for_its_own_point_only(lab, of):
    config = compose([], lab.root)
    doubtful = copy.deepcopy(config)
    doubtful["model"]["size"] = {1}
    assert not of(config).doubts
    assert of(doubtful).doubts
    assert not of(config).doubts
    missing = compose(["model._target_=lab.nowhere"], lab.root)
    assert of(missing).doubts
    missing["lr"] = 0.3
    assert of(missing).doubts


def test_a_mistake_is_told_for_each_point(lab):
    shared = Identities(lab.root, StatCache(lab.root / ".twin"))
    for _ in range(2):
        with pytest.raises(UserError, match="nowhere"):
            shared.of(compose(["code_deps=[nowhere]"], lab.root))


def test_an_edit_is_noticed_at_the_next_point_after_a_second(lab, monkeypatch):
    shared = Identities(lab.root, StatCache(lab.root / ".twin"))
    config = compose([], lab.root)
    before = shared.of(config).fingerprint
    (lab.root / "lab.py").write_text(
        (lab.root / "lab.py").read_text().replace("slope, history = 0.0", "slope, history = 1.0")
    )
    monkeypatch.setattr(identities, "FRESH", 0.0)
    after = shared.of(config).fingerprint
    assert after != before
    (lab.root / "data" / "x.txt").write_text("7\n")
    assert shared.of(config).fingerprint not in (before, after)
