from pathlib import Path

import pytest

from dsd.scan.settings import Settings, check_run


@pytest.mark.parametrize("name", ["resize", "crop", "batch_size", "shard_size", "threads"])
def test_refuses_numbers_below_one(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        Settings(**{name: 0})


@pytest.mark.parametrize(
    ("name", "most"), [("resize", 10_000), ("crop", 10_000), ("batch_size", 65_536), ("threads", 1024)]
)
def test_refuses_numbers_that_no_machine_can_do(name, most):
    assert Settings(**{"resize": None, name: most})
    with pytest.raises(ValueError, match=f"{name} must be at most {most}, got 99999999999"):
        Settings(**{name: 99999999999})


def test_refuses_a_crop_larger_than_the_image():
    with pytest.raises(ValueError, match="crop must not exceed resize, got crop=224 and resize=40"):
        Settings(resize=40)
    assert Settings(resize=None, crop=300).crop == 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out": Path("scores.csv")}, r"the table must end in \.parquet, got scores\.csv"),
        ({"engine": "spark"}, "engine must be local or ray, got 'spark'"),
        ({"workers": -1}, "workers must be at least 0, got -1"),
        ({"workers": 99999999999}, "workers must be at most 1024, got 99999999999"),
    ],
)
def test_refuses_a_run_that_makes_no_sense(change, message):
    good = {"out": Path("scores.parquet"), "engine": "local", "workers": 0}
    check_run(**good)
    with pytest.raises(ValueError, match=message):
        check_run(**good | change)
