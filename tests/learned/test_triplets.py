from math import erf, sqrt

import numpy as np
import pytest

from dsd.data.rated import Pair, RatedImages
from dsd.learned.triplets import judged, load_triplets
from tests.data.bapps_writer import write_bapps
from tests.learned.samples import write_rated


def test_scores_become_shares_by_thurstones_model(tmp_path):
    triplets = load_triplets(write_rated(tmp_path / "set", levels=(10, 20, 40)))
    differences = np.array([10, 30, 20] * 2)  # b − a
    expected = [(1 + erf(-d / sqrt(np.mean(differences**2.0)) / sqrt(2))) / 2 for d in differences]
    assert [at.share for at in triplets.judgements] == pytest.approx(expected)
    assert all(share < 0.5 for share in expected)  # the first is the better one
    assert triplets.provenance()["summary"] == "set (6 triplets)"


def test_where_people_were_asked_for_one_of_two_the_share_is_theirs(tmp_path):
    pairs = [Pair(tmp_path / "x.png", tmp_path / "a.png", tmp_path / "b.png", share) for share in (0.7, 0.0)]
    assert [at.share for at in judged(RatedImages("set", pairs, "probability")).judgements] == [pytest.approx(0.3), 1]


def test_equal_scores_are_no_preference(tmp_path):
    pair = Pair(tmp_path / "x.png", tmp_path / "a.png", tmp_path / "b.png", 0.0)
    assert judged(RatedImages("set", [pair], "score difference")).judgements[0].share == 0.5


def test_bapps_is_read_of_its_training_part(tmp_path):
    write_bapps(tmp_path, {"cnn": [0.25]}, split="train", side=4)
    write_bapps(tmp_path, {"cnn": [0.75]}, split="val", side=4)
    assert [at.share for at in load_triplets(str(tmp_path)).judgements] == [0.25]


def test_refuses_other_folders(tmp_path):
    with pytest.raises(ValueError, match=r"must be a folder of BAPPS \(2afc/\) or PieAPP \(labels/\), or give a table"):
        load_triplets(str(tmp_path))
