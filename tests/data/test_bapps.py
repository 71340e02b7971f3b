import numpy as np
import pytest

from dsd.data.bapps import JudgedImages
from tests.data.bapps_writer import write_bapps

SHARES = {"frameinterp": [0.0], "cnn": [0.25, 1.0]}


@pytest.fixture
def folder(tmp_path):
    return write_bapps(tmp_path / "bapps", SHARES, side=4)


def test_triplets_are_read_in_the_papers_order(folder, monkeypatch):
    judged = JudgedImages.read(folder, "2afc")
    root = folder / "2afc" / "val"
    assert [(at.subset, at.share) for at in judged.judgements] == [("cnn", 0.25), ("cnn", 1.0), ("frameinterp", 0.0)]
    second = judged.judgements[1]
    assert second.reference == root / "cnn" / "ref" / "000001.png"
    assert second.images == (root / "cnn" / "p0" / "000001.png", root / "cnn" / "p1" / "000001.png")
    assert judged.by_people
    monkeypatch.setenv("DSD_DATA", str(folder.parent))
    assert JudgedImages.read("bapps", "2afc") == judged


def test_pairs_are_read_and_splits_told_apart(tmp_path):
    write_bapps(tmp_path, {"traditional": [0.5]}, "jnd", "train", side=4)
    judged = JudgedImages.read(tmp_path, "jnd", split="train")
    (pair,) = judged.judgements
    root = tmp_path / "jnd" / "train" / "traditional"
    assert (pair.reference, pair.images) == (root / "p0" / "000000.png", (root / "p1" / "000000.png",))
    assert judged.provenance()["summary"] == "BAPPS train (1 pair)"
    with pytest.raises(FileNotFoundError, match=r"no subset in .*val: folders <subset>"):
        JudgedImages.read(tmp_path, "jnd")


def test_answers_may_be_numbers_without_a_shape(folder):
    np.save(folder / "2afc" / "val" / "cnn" / "judge" / "000000.npy", np.float32(0.5))
    np.save(folder / "2afc" / "val" / "cnn" / "judge" / "000001.npy", np.ones((1, 1, 1), dtype=int))
    assert [at.share for at in JudgedImages.read(folder, "2afc").judgements] == [0.5, 1, 0]


def test_provenance_follows_names_and_answers(folder):
    before = JudgedImages.read(folder, "2afc").provenance()
    assert (before["count"], before["subsets"]) == (3, {"cnn": 2, "frameinterp": 1})
    np.save(folder / "2afc" / "val" / "cnn" / "judge" / "000000.npy", np.array([0.3]))
    after = JudgedImages.read(folder, "2afc").provenance()
    assert {key for key in before if before[key] != after[key]} == {"judgements_sha256"}


@pytest.mark.parametrize("kind", ["ref", "p0", "p1", "judge"])
def test_a_missing_file_is_named(folder, kind):
    (path,) = (folder / "2afc" / "val" / "cnn" / kind).glob("000001.*")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=rf"no file .*cnn.{kind}.000001\.\*: it belongs to .*000001\."):
        JudgedImages.read(folder, "2afc")


def test_missing_and_empty_folders_are_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder nowhere"):
        JudgedImages.read("nowhere", "2afc")
    with pytest.raises(FileNotFoundError, match=r"no subset in .*jnd.val: .*\{p0,p1\}/\*.png and <subset>/same/\*.npy"):
        JudgedImages.read(folder, "jnd")
    root = folder / "2afc" / "val" / "cnn"
    (root / "p1").rename(root / "p2")
    with pytest.raises(FileNotFoundError, match=r"no folder .*cnn.p1"):
        JudgedImages.read(folder, "2afc")
    for kind in ("ref", "p0", "p1", "judge"):
        (tmp_path / "empty" / "2afc" / "val" / "color" / kind).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"no files in .*color"):
        JudgedImages.read(tmp_path / "empty", "2afc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([0.2, 0.8]), r"must hold one number, the share of people, got float64 of shape \(2,\)"),
        (np.array(["0.5"]), "must hold one number"),
        (np.array([1.5]), "must hold a share of people from 0 to 1, got 1.5"),
        (np.array([np.nan]), "must hold a share of people from 0 to 1, got nan"),
        (np.array([{"a": 1}], dtype=object), "is no NumPy array of numbers: .*pickle"),
        (b"", "is no NumPy array of numbers"),
        (b"0.5", "is no NumPy array of numbers"),
    ],
)
def test_wrong_answers_name_their_file(folder, content, message):
    path = folder / "2afc" / "val" / "cnn" / "judge" / "000000.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content, allow_pickle=True)
    with pytest.raises(ValueError, match=rf"000000.npy {message}"):
        JudgedImages.read(folder, "2afc")


def test_an_archive_is_no_answer(folder):
    path = folder / "2afc" / "val" / "cnn" / "judge" / "000000.npy"
    with path.open("wb") as file:
        np.savez(file, a=np.array([0.5]))
    with pytest.raises(ValueError, match=r"000000.npy must hold one number, .* got NpzFile"):
        JudgedImages.read(folder, "2afc")


def test_another_question(folder):
    with pytest.raises(ValueError, match=r"question must be one of 2afc, jnd; got 'mos'"):
        JudgedImages.read(folder, "mos")
