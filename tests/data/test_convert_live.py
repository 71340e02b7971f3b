import csv

import numpy as np
import pytest
from scipy.io import savemat

from dsd.data.convert_live import convert_live
from dsd.data.rated import RatedImages


@pytest.fixture
def live(tmp_path):
    """LIVE as published, all but four of whose images are originals: {folder: count} is what the tables' order says."""
    root = tmp_path / "live"
    scores, deviations, originals = (np.zeros((1, 982)) for _ in range(3))
    originals[:] = 1
    names = np.full((1, 982), "lady.bmp", object)
    # The second image of JPEG 2000, the last of JPEG, the first of white noise, the last of fast fading.
    for index, image, reference in (
        (1, "jp2k/img2.bmp", "lady.bmp"),
        (459, "jpeg/img233.bmp", "house.bmp"),
        (460, "wn/img1.bmp", "house.bmp"),
        (981, "fastfading/img174.bmp", "lady.bmp"),
    ):
        scores[0, index], deviations[0, index], originals[0, index] = 20 + index / 7, index / 300, 0
        names[0, index] = reference
        for path in (root / image, root / "refimgs" / reference):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    savemat(root / "dmos_realigned.mat", {"dmos_new": scores, "dmos_std": deviations, "orgs": originals})
    savemat(root / "refnames_all.mat", {"refnames_all": names})
    return root


def test_live(live):
    table = convert_live(live)
    assert table == live / "ratings.csv"
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["reference", "distorted", "distortion", "dmos", "dmos_std"],
        ["refimgs/lady.bmp", "jp2k/img2.bmp", "jp2k", "20.142857", "0.0033"],
        ["refimgs/house.bmp", "jpeg/img233.bmp", "jpeg", "85.571429", "1.5300"],
        ["refimgs/house.bmp", "wn/img1.bmp", "wn", "85.714286", "1.5333"],
        ["refimgs/lady.bmp", "fastfading/img174.bmp", "fastfading", "160.142857", "3.2700"],
    ]
    rated = RatedImages.csv(table)
    assert [(pair.a.name, pair.b.name) for pair in rated.pairs] == [
        ("img2.bmp", "img174.bmp"),
        ("img233.bmp", "img1.bmp"),
    ]
    assert rated.pairs[0].preference == pytest.approx(140)


def test_live_is_found_under_the_data_root(live, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(live.parent))
    assert convert_live("live").is_file()


def test_what_is_wrong_with_live(live):
    (live / "wn" / "img1.bmp").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of LIVE's images are missing in .*live: wn/img1\.bmp"):
        convert_live(live)
    savemat(live / "refnames_all.mat", {"refnames_all": np.full((1, 779), "lady.bmp", object)})
    with pytest.raises(ValueError, match=r"refnames_all\.mat must have 982 values of refnames_all, it has 779 values"):
        convert_live(live)
    (live / "refnames_all.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"no refnames_all\.mat in .*live: LIVE, release 2, as published"):
        convert_live(live)
    savemat(live / "dmos_realigned.mat", {"dmos": np.zeros((1, 982)), "orgs": np.zeros((1, 982))})
    with pytest.raises(ValueError, match=r"dmos_realigned\.mat must have 982 values of dmos_new, it has none"):
        convert_live(live)
    for content in (b"", b"text", bytes(range(256)) * 10):
        (live / "dmos_realigned.mat").write_bytes(content)
        with pytest.raises(ValueError, match=r"dmos_realigned\.mat is no MATLAB file, or is damaged"):
            convert_live(live)
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        convert_live("nowhere")
    assert not (live / "ratings.csv").exists()
