import sys
from importlib.util import find_spec

import pytest

from dsd.cli import main
from tests.scan.samples import OPTIONS, save_broken, save_good


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve images and some broken ones, and their table with fingerprints."""
    folder = tmp_path_factory.mktemp("neighbours")
    save_broken(save_good(folder / "good", 12))
    command = ["scan", str(folder / "good"), "--out", str(folder / "prints.parquet"), *OPTIONS, "--workers=0"]
    assert main([*command, "--layers=relu1_2", "--alphas=2", "--fingerprints"]) == 1
    return folder


def command(folder, *options, image="good/other/0002.png"):
    base = ["neighbours", str(folder / image), "--index", str(folder / "prints.parquet")]
    return main([*base, "--weights", "random", "--device", "cpu", *options])


def test_prints_rank_distance_and_file(folder, capsys):
    assert command(folder, "--count", "3") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["rank", "distance", "file"]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert lines[0].endswith("other/0002.png")
    distances = [float(line.split()[1]) for line in lines]
    assert distances == sorted(distances)


def test_images_that_failed_are_no_neighbours(folder, capsys):
    assert command(folder, "--count", "99") == 0
    assert len(capsys.readouterr().out.splitlines()) == 13


@pytest.mark.skipif(find_spec("usearch") is None, reason="usearch is not installed")
def test_a_shortlist_finds_the_same(folder, capsys):
    assert command(folder) == 0
    exact = capsys.readouterr().out
    assert command(folder, "--shortlist") == 0
    assert capsys.readouterr().out == exact


@pytest.mark.parametrize(("asked", "compared"), [(10, 200), (500, 500)])
def test_a_shortlist_is_at_least_as_long_as_asked_for(folder, monkeypatch, asked, compared):
    counts = []
    monkeypatch.setattr("dsd.scan.shortlist.shortlist", lambda index, query, count=0: (counts.append(count), [1, 2])[1])
    assert command(folder, "--shortlist", "--count", str(asked)) == 0
    assert counts == [compared]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--count", "0"], "--count must be at least 1, got 0"),
        (["--index", "prints.npy"], "--index must be the table of a scan, .parquet, got prints.npy"),
        (["--index", "nowhere.parquet"], "no file nowhere.parquet"),
        (["--device", "tpu"], "device must be auto, cpu, cuda or mps"),
        (["--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
        (["--weights", "auto"], "the index is of lite with the weights random"),
    ],
)
def test_refuses(folder, capsys, options, message):
    assert command(folder, *options) == 2
    assert message in capsys.readouterr().err


def test_refuses_what_is_no_image(folder, capsys):
    assert command(folder, image="good/nothing.png") == 2
    assert "no file" in capsys.readouterr().err
    assert command(folder, image="good/page.jpg") == 2
    assert "cannot use" in capsys.readouterr().err


def test_says_what_to_install(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.delitem(sys.modules, "dsd.scan.neighbours", raising=False)
    assert command(folder) == 2
    assert "pip install '.[scan]'" in capsys.readouterr().err
