import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from dsd.scan.collection import scan
from dsd.scan.fingerprint_files import fingerprint_files
from dsd.scan.fingerprints import l1_distances
from dsd.scan.neighbours import fingerprint, nearest, open_index
from dsd.scan.scoring import NO_FINGERPRINT
from tests.scan.samples import SETTINGS, save_good


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve images, and their table with fingerprints."""
    folder = tmp_path_factory.mktemp("neighbours")
    settings = replace(SETTINGS, layers=("relu1_2",), alphas=(2,), fingerprints=True)
    scan(save_good(folder / "good", 12), folder / "prints.parquet", settings, workers=0)
    return folder


@pytest.fixture
def table(folder, tmp_path):
    """A copy that may be damaged."""
    for path in folder.glob("prints.*"):
        shutil.copy(path, tmp_path)
    return tmp_path / "prints.parquet"


def test_an_image_is_nearest_to_itself(folder):
    index = open_index(folder / "prints.parquet")
    for number in (0, 7):
        query = fingerprint(folder / "good" / index.paths[number], index.about, weights="random", device="cpu")
        assert query.shape == (1, 64 * 65 // 2)
        (distances,) = l1_distances(index.rows, query)
        assert nearest(distances, 3)[0] == number
        assert distances[number] < 1e-3 * np.median(distances)


def test_nearest_leaves_out_what_has_no_distance():
    distances = np.array([5.0, np.nan, 1.0, 3.0])
    assert nearest(distances, 2).tolist() == [2, 3]
    assert nearest(distances, 9).tolist() == [2, 3, 0]


def test_refuses_other_weights(folder):
    index = open_index(folder / "prints.parquet")
    with pytest.raises(ValueError, match=r"the index is of lite with the weights random \(random\), these are others"):
        fingerprint(folder / "good" / index.paths[0], index.about, device="cpu")


def test_refuses_an_image_that_is_too_small(folder, table):
    index = open_index(table)
    with pytest.raises(ValueError, match="smaller than the crop of 400"):
        fingerprint(folder / "good" / index.paths[0], {**index.about, "crop": 400}, weights="random", device="cpu")


def test_what_is_too_large_for_a_fingerprint_fails(folder, tmp_path, monkeypatch):
    index = open_index(folder / "prints.parquet")
    monkeypatch.setattr("dsd.scan.fingerprints.SCALE", 1e9)
    with pytest.raises(ValueError, match="has no fingerprint: its DSD has an entry too large"):
        fingerprint(folder / "good" / index.paths[0], index.about, weights="random", device="cpu")
    settings = replace(SETTINGS, layers=("relu1_2",), alphas=(2,), fingerprints=True)
    failed = scan(folder / "good", tmp_path / "large.parquet", settings, workers=0)
    assert set(failed["error"].to_pylist()) == {NO_FINGERPRINT}
    assert np.isnan(pq.read_table(tmp_path / "large.parquet")["relu1_2_dsd2"].to_numpy()).all()


@pytest.mark.parametrize("number", range(3))
def test_refuses_missing_files(table, number):
    path = (table, *fingerprint_files(table))[number]
    path.unlink()
    with pytest.raises(FileNotFoundError, match=rf"no file .*{path.name}: `dsd scan FOLDER --fingerprints"):
        open_index(table)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"alpha": 4, "backbone": "vgg19"}, "alpha, backbone"), ({"channels": 8}, "channels"), ({"scale": 1}, "scale")],
)
def test_refuses_fingerprints_of_another_table(table, change, message):
    sidecar = fingerprint_files(table)[1]
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | change))
    with pytest.raises(ValueError, match=rf"fingerprints\.npy is not of .*: {message}.* differs"):
        open_index(table)


@pytest.mark.parametrize("shape", [(11, 2080), (12, 2081), (12, 2080, 1)])
def test_refuses_rows_of_another_shape(table, shape):
    np.save(fingerprint_files(table)[0], np.zeros(shape, np.float16))
    with pytest.raises(ValueError, match=rf"is not of .*: shape \({shape[0]}, .* of float16 differs"):
        open_index(table)


@pytest.mark.parametrize("content", [b"", b"notes", b"{}", b"[]", b"0"])
@pytest.mark.parametrize("number", [0, 1])
def test_refuses_damaged_files(table, number, content):
    fingerprint_files(table)[number].write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, or is none of a scan"):
        open_index(table)


def test_refuses_a_scan_without_beside_old_fingerprints(folder, table):
    table.unlink()
    scan(folder / "good", table, replace(SETTINGS, layers=("relu1_2",), alphas=(2,)), workers=0)
    with pytest.raises(ValueError, match=r"prints\.parquet is of a scan without --fingerprints.* are of another one"):
        open_index(table)
