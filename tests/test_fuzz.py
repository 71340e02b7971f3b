"""A little of benchmarks/fuzz.py: nothing silent, and no error that does not say what is wrong."""

from collections import Counter

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("module", "kind", "count"),
    [
        ("_fuzz_images", "images", 40),
        ("_fuzz_calls", "calls", 60),
        ("_fuzz_files", "weights", 20),
        ("_fuzz_files", "checkpoints", 10),
    ],
)
def test_nothing_silent(monkeypatch, module, kind, count):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    outcomes = getattr(__import__(module), kind)(count, seed=1)
    assert len(outcomes) == count
    assert not [outcome for outcome in outcomes if outcome.result in ("silent", "crashed")]
    assert Counter(outcome.result for outcome in outcomes)["refused"] > count / 10


def test_damage_that_makes_no_difference_is_no_damage(monkeypatch):
    """What `fuzz` counts as undetected is only what an intact file differs from."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    images = __import__("_fuzz_images")
    monkeypatch.setattr(images, "damage", lambda content, other, random: ("nothing", content))
    outcomes = images.images(30, seed=1)
    assert all(outcome.result == "right" for outcome in outcomes if outcome.what.startswith("nothing"))
    assert any(outcome.what.startswith("nothing") for outcome in outcomes)
