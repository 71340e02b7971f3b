import hashlib
import os
import shutil
import tracemalloc
from dataclasses import replace
from pkgutil import resolve_name

import pytest
import torch
from PIL import Image

from dsd.backbones import load_backbone
from dsd.data.images import load_image
from dsd.data.views import Photographs, View
from dsd.descriptor import dsd_norm
from dsd.scan.collection import scan
from dsd.scan.items import Item
from dsd.scan.scoring import Scorer, Views
from dsd.scan.stamps import Stamp
from tests.scan.samples import ALPHAS, COLUMNS, LAYERS, SETTINGS, STAMP, rows


def test_is_dsd_norm_of_each_image(good, scanned):
    table = rows(scanned)
    assert list(table[0]) == ["path", "class", "height", "width", *COLUMNS, "error", *STAMP]
    assert [row["path"] for row in table] == sorted(p.relative_to(good).as_posix() for p in good.glob("*/*"))
    backbone = load_backbone("lite", LAYERS, "random", device="cpu")
    for row in table:
        x = Photographs([View(good / row["path"], "")], "", resize=40, crop=32)[0]
        norms = dsd_norm(x[None], backbone, ALPHAS)
        expected = [norms[layer, alpha].item() for alpha in ALPHAS for layer in LAYERS]
        assert [row[name] for name in COLUMNS] == pytest.approx(expected, rel=1e-4)
        assert (row["height"], row["width"]) == load_image(good / row["path"]).shape[1:]
        folder = row["path"].split("/")[0]
        assert (row["class"], row["error"]) == ("" if folder == "other" else folder, None)


def test_images_at_their_own_size(good, tmp_path):
    scan(good, tmp_path / "scores.parquet", replace(SETTINGS, resize=None, crop=None), workers=0)
    backbone = load_backbone("lite", LAYERS, "random", device="cpu")
    for row in rows(tmp_path / "scores.parquet"):
        norms = dsd_norm(load_image(good / row["path"])[None], backbone, ALPHAS)
        assert row["relu2_1_dsd4"] == pytest.approx(norms["relu2_1", 4].item(), rel=1e-4)


def test_too_small_for_crop_or_network(tmp_path):
    Image.new("RGB", (20, 30)).save(tmp_path / "small.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "tiny.png")
    (failed,) = scan(tmp_path, tmp_path / "a.parquet", replace(SETTINGS, resize=None, crop=16), workers=0).to_pylist()
    assert failed == {"path": "tiny.png", "error": "it is 4×4 pixels, smaller than the crop of 16"}
    (failed,) = scan(tmp_path, tmp_path / "b.parquet", replace(SETTINGS, resize=None, crop=None), workers=0).to_pylist()
    assert failed["error"].startswith("it is 4×4 pixels, too small for these layers at 1/4")
    assert [(row["height"], row["width"]) for row in rows(tmp_path / "b.parquet")] == [(30, 20), (4, 4)]


def test_views_hold_no_more_than_the_crop(good):
    """What was cropped away would be sent from worker to worker."""
    size, view, _ = Views(good, SETTINGS, smallest=2)[Item("other/0002.png")]
    assert tuple(size) == load_image(good / "other" / "0002.png").shape[1:]
    assert view.shape == (3, 32, 32)
    assert view.untyped_storage().nbytes() == 4 * view.numel()


def test_views_give_the_reason_of_what_cannot_be_read(tmp_path):
    assert Views(tmp_path, SETTINGS, smallest=2)[Item("a.tar", reason="cut")] == ((None, None), "cut", Stamp())


def test_reasons_call_a_file_by_its_name_in_the_collection(tmp_path, monkeypatch):
    """Also where the system quotes its path: the table is the same wherever the collection lies."""

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a\n.png").touch()
    monkeypatch.setattr("dsd.scan.scoring.load_image", denied)
    _, reason, _ = Views(tmp_path, SETTINGS, smallest=2)[Item("a\n.png")]
    assert reason == "[Errno 13] Permission denied: 'a\n.png'"


def test_what_was_written_to_while_it_was_read_has_no_stamp(good, tmp_path, monkeypatch):
    """So that it is tried again, also by a scan that compares contents: a file that was touched has the old ones."""
    path = tmp_path / "a.png"
    shutil.copy(good / "other" / "0002.png", path)

    def touch(path):
        os.utime(path, (0, 0))
        return load_image(path)

    monkeypatch.setattr("dsd.scan.scoring.load_image", touch)
    _, reason, stamp = Views(tmp_path, SETTINGS, smallest=2)[Item("a.png")]
    assert (reason, stamp) == ("it was written to while it was read", Stamp())


def test_another_error_of_torch_is_the_images_own(good, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("required rank 4 tensor to use channels_last memory format")

    monkeypatch.setattr("dsd.scan.scoring.cut_view", fail)
    failed = scan(good, tmp_path / "out.parquet", SETTINGS, workers=0)
    assert "required rank 4 tensor to use channels_last memory format" in failed["error"].to_pylist()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("dsd.data.images.read_pixels", MemoryError()),
        ("dsd.scan.scoring.load_image", RuntimeError("DefaultCPUAllocator: can't allocate memory")),
        ("dsd.scan.scoring.cut_view", MemoryError()),
    ],
)
def test_a_lack_of_memory_ends_the_scan_and_finished_units_stay(
    good, scanned, tmp_path, monkeypatch, where, error, workers
):
    """It is no property of the image: as a row of the table it would stay there for ever."""
    out, calls = tmp_path / "scores.parquet", []
    real = resolve_name(where)

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) == 12:
            raise error
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(where, fail)
        with pytest.raises(MemoryError, match=rf"n01440764/0033\.jpg: {str(error) or 'MemoryError'}"):
            scan(good, out, SETTINGS, workers=workers)
    assert [path.name for path in tmp_path.glob("*.parts/0*")] == ["000000.parquet"]
    scan(good, out, SETTINGS, workers=0)
    assert out.read_bytes() == scanned.read_bytes()


def test_members_of_a_tar_do_not_fill_the_memory(tmp_path):
    (tmp_path / "a.tar").touch()
    os.truncate(tmp_path / "a.tar", 2**25)
    views = Views(tmp_path, SETTINGS, smallest=2)
    tracemalloc.start()
    _, reason, stamp = views[Item("a.tar/a.png", "a.tar", 0, 2**25)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23
    assert "it is none of BMP, GIF," in reason
    assert stamp.sha256 == hashlib.sha256(bytes(2**25)).hexdigest()


def test_scorer_sets_torchs_threads(tmp_path):
    before = torch.get_num_threads()
    Scorer(replace(SETTINGS, threads=None), tmp_path, 0, "cpu")
    assert torch.get_num_threads() == before
    Scorer(replace(SETTINGS, threads=before + 1), tmp_path, 0, "cpu")
    assert torch.get_num_threads() == before + 1
    torch.set_num_threads(before)
