import pytest
import torch

from dsd.quality.groups import values_of


class Recorded:
    """Values of 1, or the error that a name stands for; the calls are kept."""

    def __init__(self, **errors):
        self.errors, self.calls = errors, []

    def __call__(self, names):
        self.calls.append(list(names))
        for name in names:
            if name in self.errors:
                raise self.errors[name]
        return {name: torch.ones(2) for name in names}


def test_a_group_is_computed_together():
    compute = Recorded()
    assert values_of([["a", "b"], ["c"], []], compute).keys() == {"a", "b", "c"}
    assert sorted(compute.calls) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("error", [ValueError("small"), RuntimeError("small"), MemoryError("small")])
def test_one_that_fails_does_not_take_its_group_with_it(error):
    compute, failed = Recorded(b=error), {}
    assert values_of([["a", "b", "c"], ["d"]], compute, failed).keys() == {"a", "c", "d"}
    assert failed == {"b": "small"}
    assert sorted(compute.calls) == [["a"], ["a", "b", "c"], ["b"], ["c"], ["d"]]


def test_without_notes_it_is_an_error():
    compute = Recorded(b=ValueError("small"))
    with pytest.raises(ValueError, match="small"):
        values_of([["a", "b"]], compute)
    assert compute.calls == [["a", "b"]]


def test_bugs_are_no_notes():
    failed = {}
    with pytest.raises(KeyError):
        values_of([["a"]], Recorded(a=KeyError("a")), failed)
    assert not failed


def test_groups_may_come_one_by_one():
    """And what was given stays as it was."""
    names = ["a", "b"]
    assert values_of(iter([names, ("c",)]), Recorded(a=ValueError()), failed := {}).keys() == {"b", "c"}
    assert failed == {"a": ""}
    assert names == ["a", "b"]
