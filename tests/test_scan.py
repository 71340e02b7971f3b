import io
import json
import os
import random
import struct
import subprocess
import sys
import tarfile
import time
import zlib
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from dsd.backbone import load_backbone
from dsd.cli import main
from dsd.data import Photographs, View, load_image
from dsd.descriptor import dsd_norm
from dsd.scan import Settings, find_items, scan

LAYERS, ALPHAS = ("relu1_2", "relu2_1"), (2, 4)
SETTINGS = Settings(
    LAYERS, ALPHAS, "lite", "random", device="cpu", resize=40, crop=32, batch_size=4, shard_size=8, threads=1
)
OPTIONS = ["--layers=relu1_2,relu2_1", "--alphas=2,4", "--backbone=lite", "--weights=random", "--device=cpu"]
OPTIONS += ["--resize=40", "--crop=32", "--batch-size=4", "--shard-size=8", "--threads=1"]
COLUMNS = ["relu1_2_dsd2", "relu2_1_dsd2", "relu1_2_dsd4", "relu2_1_dsd4"]
BROKEN = {
    "empty.jpg": "cannot identify image file",
    "truncated.jpg": "truncated",
    "page.jpg": "cannot identify image file",
    "array.png": "cannot identify image file",
    "animated.gif": "it is animated",
    "float.tif": "PIL mode F",
    "folder.png": "no image at folder.png",
    "thin.png": "it is 100000×1 pixels, too long to be resized",
    "dangling.webp": "no image at dangling.webp",
    "bomb.png": "decompression bomb",
}


def save_good(folder, count=40):
    """Photographs of random pixels: sizes, suffixes and folders differ."""
    generator = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("n01440764", "n01443537", "other")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (48 + number % 5, 56 - number % 7, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number:04}{('.png', '.jpg')[number % 2]}")
    return folder


def save_broken(folder):
    folder.mkdir(exist_ok=True)
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG")
    (folder / "empty.jpg").touch()
    (folder / "truncated.jpg").write_bytes(jpeg.getvalue()[: len(jpeg.getvalue()) // 2])
    (folder / "page.jpg").write_text("<!DOCTYPE html><title>404 Not Found</title>")
    with (folder / "array.png").open("wb") as file:
        np.save(file, np.zeros(9))
    image.save(folder / "animated.gif", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    Image.fromarray(np.ones((64, 64), np.float32)).save(folder / "float.tif")
    (folder / "folder.png").mkdir()
    Image.new("RGB", (1, 100_000)).save(folder / "thin.png")
    (folder / "dangling.webp").symlink_to(folder / "nowhere")
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0), b"IDAT": b""}
    coded = [
        struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks.items()
    ]
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(coded))
    return folder


def save_tar(path, folder):
    with tarfile.open(path, "w") as archive:
        for item in find_items(folder)[1]:
            archive.add(folder / item.path, item.path)
    return path


def fail(*_):
    raise OSError("disk full")


def rows(out):
    return pq.read_table(out).to_pylist()


@pytest.fixture(autouse=True, scope="module")
def _threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return save_good(tmp_path_factory.mktemp("collection") / "good")


@pytest.fixture(scope="module")
def scanned(good, tmp_path_factory):
    """The table of `good`, as bytes."""
    out = tmp_path_factory.mktemp("out") / "scores.parquet"
    assert not len(scan(good, out, SETTINGS, workers=0))
    return out


def test_is_dsd_norm_of_each_image(good, scanned):
    table = rows(scanned)
    assert list(table[0]) == ["path", "class", "height", "width", *COLUMNS, "error"]
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


def test_table_says_how_it_was_made(scanned):
    assert pq.read_schema(scanned).field("relu1_2_dsd2").type == "float"
    made = json.loads(pq.read_schema(scanned).metadata[b"dsd"])
    assert made["layers"] == list(LAYERS)
    assert (made["backbone"], made["weights_sha256"], made["images"], made["threads"]) == ("lite", "random", 40, 1)
    assert made["versions"]["torch"] == torch.__version__
    assert not scanned.with_name("scores.parquet.parts").exists()


def test_workers_change_nothing(good, scanned, tmp_path):
    scan(good, tmp_path / "scores.parquet", SETTINGS, workers=2)
    assert (tmp_path / "scores.parquet").read_bytes() == scanned.read_bytes()


def test_what_fails_is_explained_and_the_rest_scored(tmp_path, capsys):
    folder = save_broken(save_good(tmp_path / "mixed"))
    out = tmp_path / "new" / "scores.parquet"
    assert main(["scan", str(folder), "--out", str(out), *OPTIONS, "--workers", "1"]) == 1
    table = {row["path"]: row for row in rows(out)}
    assert len(table) == 50
    for path, row in table.items():
        if path in BROKEN:
            assert BROKEN[path] in row["error"]
            assert row["relu1_2_dsd2"] is None
        else:
            assert row["error"] is None
            assert row["relu1_2_dsd2"] > 0
    assert str(tmp_path) not in "".join(row["error"] or "" for row in table.values())
    printed = capsys.readouterr().err
    assert printed.count("failed: ") == 11
    assert "failed: 10 in all" in printed


def test_too_small_for_crop_or_network(tmp_path):
    Image.new("RGB", (20, 30)).save(tmp_path / "small.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "tiny.png")
    (failed,) = scan(tmp_path, tmp_path / "a.parquet", replace(SETTINGS, resize=None, crop=16), workers=0).to_pylist()
    assert failed == {"path": "tiny.png", "error": "it is 4×4 pixels, smaller than the crop of 16"}
    (failed,) = scan(tmp_path, tmp_path / "b.parquet", replace(SETTINGS, resize=None, crop=None), workers=0).to_pylist()
    assert failed["error"].startswith("it is 4×4 pixels, too small for these layers at 1/4")
    assert [(row["height"], row["width"]) for row in rows(tmp_path / "b.parquet")] == [(30, 20), (4, 4)]


def test_names_of_any_bytes(tmp_path):
    Image.new("RGB", (40, 40)).save(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    scan(tmp_path, tmp_path / "scores.parquet", SETTINGS, workers=0)
    (row,) = rows(tmp_path / "scores.parquet")
    assert (row["path"], row["error"]) == ("caf\\xe9.png", None)


SLOW = """
import sys, time
import dsd.scan
from dsd.cli import main
load = dsd.scan.load_image
dsd.scan.load_image = lambda path: (time.sleep(0.05), load(path))[1]
sys.exit(main(sys.argv[1:]))
"""


def test_killed_and_resumed_is_the_same_table(good, scanned, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    command = [sys.executable, "-c", SLOW, "scan", str(good), "--out", str(out), *OPTIONS, "--workers", "1"]

    def shards():
        return {path: path.stat().st_mtime_ns for path in tmp_path.glob("scores.parquet.parts/[0-9]*")}

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not shards() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.random())
        process.kill()
    assert process.returncode == -9
    finished, read = shards(), []
    monkeypatch.setattr("dsd.scan.load_image", lambda path: (read.append(path), load_image(path))[1])
    scan(good, out, SETTINGS, workers=0)
    assert 0 < len(read) == 40 - 8 * len(finished)  # nothing that was done is done again
    assert out.read_bytes() == scanned.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_interrupted_in_any_unit(good, scanned, tmp_path, monkeypatch, capsys):
    out = tmp_path / "scores.parquet"

    def interrupted(path):
        if path.name == "0023.jpg":
            raise KeyboardInterrupt
        return load_image(path)

    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.load_image", interrupted)
        assert main(["scan", str(good), "--out", str(out), *OPTIONS, "--workers", "0"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert main(["scan", str(good), "--out", str(out), *OPTIONS, "--workers", "0"]) == 0
    assert out.read_bytes() == scanned.read_bytes()


def test_finished_scan_is_not_repeated(good, scanned, monkeypatch):
    before = scanned.stat().st_mtime_ns
    monkeypatch.setattr("dsd.scan.load_image", None)
    assert not len(scan(good, scanned, SETTINGS, workers=0))
    assert scanned.stat().st_mtime_ns == before


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphas": (2,)}, "alphas was [2.0, 4.0], is [2.0]"),
        ({"layers": ("relu2_1",)}, "layers was ['relu1_2', 'relu2_1'], is ['relu2_1']"),
        ({"crop": 16, "shard_size": 9}, "crop was 32, is 16; shard_size was 8, is 9"),
    ],
)
def test_refuses_to_go_on_with_other_settings(good, tmp_path, monkeypatch, complete, change, message):
    out = tmp_path / "scores.parquet"
    with monkeypatch.context() as patch:
        if not complete:
            patch.setattr("dsd.scan._merge", fail)
            with pytest.raises(OSError, match="disk full"):
                scan(good, out, SETTINGS, workers=0)
        else:
            scan(good, out, SETTINGS, workers=0)
    with pytest.raises(ValueError, match="is of another scan") as error:
        scan(good, out, replace(SETTINGS, **change), workers=0)
    assert message in str(error.value)


def test_settings_can_change_before_anything_is_done(good, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.Scorer.__call__", fail)
        with pytest.raises(OSError, match="disk full"):
            scan(good, tmp_path / "scores.parquet", replace(SETTINGS, threads=2), workers=0)
    assert not len(scan(good, tmp_path / "scores.parquet", SETTINGS, workers=0))


def test_refuses_to_go_on_with_other_images(tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    scan(tmp_path, tmp_path / "scores.parquet", SETTINGS, workers=0)
    Image.new("RGB", (40, 40)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match="images was 1, is 2; files_sha256 was"):
        scan(tmp_path, tmp_path / "scores.parquet", SETTINGS, workers=0)


def test_refuses_to_overwrite_what_is_not_its_own(good, tmp_path):
    out = tmp_path / "scores.parquet"
    out.write_text("notes")
    with pytest.raises(ValueError, match=r"scores\.parquet exists, and is no table of a scan"):
        scan(good, out, SETTINGS, workers=0)
    out.rename(tmp_path / "notes")
    (tmp_path / "scores.parquet.parts").mkdir()
    (tmp_path / "scores.parquet.parts" / "notes").touch()
    with pytest.raises(FileNotFoundError, match=r"settings\.json"):
        scan(good, out, SETTINGS, workers=0)


def test_tars_give_the_scores_of_their_images(good, scanned, tmp_path):
    save_tar(tmp_path / "all.tar", good)
    table = rows(scanned)
    for number, source in enumerate((tmp_path, tmp_path / "all.tar")):
        out = tmp_path / f"{number}.parquet"
        assert not len(scan(source, out, SETTINGS, workers=0))
        assert rows(out) == [row | {"path": f"all.tar/{row['path']}"} for row in table]


def test_class_is_also_the_tar_of_a_class(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "images" / "n01440764_1.png")
    save_tar(tmp_path / "n01440764.tar", tmp_path / "images")
    scan(tmp_path / "n01440764.tar", tmp_path / "scores.parquet", SETTINGS, workers=0)
    assert [(row["path"], row["class"]) for row in rows(tmp_path / "scores.parquet")] == [
        ("n01440764.tar/n01440764_1.png", "n01440764")
    ]


def test_damaged_tars(good, tmp_path):
    """Wherever a tar ends too early, what is before that is scored and a row tells."""
    whole = save_tar(tmp_path / "whole.tar", good).read_bytes()
    items = find_items(tmp_path / "whole.tar")[1]
    (tmp_path / "whole.tar").unlink()
    tenth = items[9]
    cuts = {
        "in an image": tenth.offset + tenth.size // 2,
        "in a header": tenth.offset - 100,
        "before a header": tenth.offset - 512,
        "at once": 0,
    }
    for name, end in cuts.items():
        (tmp_path / f"{name}.tar").write_bytes(whole[:end])
    (tmp_path / "page.tar").write_text("<!DOCTYPE html><title>404 Not Found</title>")
    failed = scan(tmp_path, tmp_path / "scores.parquet", SETTINGS, workers=0).to_pylist()
    assert [row["path"] for row in failed] == [
        "at once.tar",
        "before a header.tar",
        "in a header.tar",
        f"in an image.tar/{tenth.path.removeprefix('whole.tar/')}",
        "in an image.tar",
        "page.tar",
    ]
    assert "truncated" in failed[3]["error"]
    assert all(row["error"].startswith("not all of it could be read") for row in failed if row is not failed[3])
    assert len(rows(tmp_path / "scores.parquet")) == 9 + 9 + 10 + len(failed) - 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "scores.csv"], "the table must end in .parquet"),
        (["--engine", "spark"], "engine must be local or ray, got 'spark'"),
        (["--crop", "64"], "crop must not exceed resize, got crop=64 and resize=40"),
        (["--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["--layers", "relu9_9"], "unknown layer 'relu9_9'"),
        (["--alphas", "0.5"], "alpha must be a finite number of at least 1"),
        (["--alphas", "two"], "--alphas must be numbers separated by commas, got two"),
        (["--resize", "40", "--crop", "2"], "too small for these layers at 1/4"),
        (["--backbone", "vgg11"], "unknown backbone 'vgg11'"),
        (["--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
        (["--device", "tpu"], "device must be auto, cpu, cuda or mps"),
        (["--workers", "-1"], "workers must be at least 0, got -1"),
    ],
)
def test_refuses(good, tmp_path, capsys, options, message):
    assert main(["scan", str(good), "--out", str(tmp_path / "scores.parquet"), *OPTIONS, *options]) == 2
    assert message in capsys.readouterr().err


def test_refuses_a_folder_without_images(tmp_path, capsys):
    assert main(["scan", str(tmp_path), "--out", str(tmp_path / "scores.parquet"), *OPTIONS]) == 2
    assert "no image in" in capsys.readouterr().err
    assert main(["scan", str(tmp_path / "nowhere"), "--out", str(tmp_path / "scores.parquet"), *OPTIONS]) == 2
    assert "no folder" in capsys.readouterr().err


@pytest.mark.parametrize(("missing", "extra"), [("pyarrow", "scan"), ("ray.data", "ray")])
def test_says_what_to_install(good, tmp_path, capsys, monkeypatch, missing, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "pyarrow":
        monkeypatch.delitem(sys.modules, "dsd.scan")
    command = ["scan", str(good), "--out", str(tmp_path / "scores.parquet"), *OPTIONS, "--engine", "ray"]
    assert main(command) == 2
    assert f"pip install '.[{extra}]'" in capsys.readouterr().err


RAY = """
import sys
import ray
from dsd.cli import main
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_ray_goes_on_to_the_same_table(good, scanned, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan._merge", fail)
        with pytest.raises(OSError, match="disk full"):
            scan(good, out, SETTINGS, workers=0)
    for number in (1, 3):
        (tmp_path / "scores.parquet.parts" / f"{number:06}.parquet").unlink()
    command = [sys.executable, "-c", RAY, "scan", str(good), "--out", str(out), *OPTIONS, "--engine=ray", "--workers=0"]
    home = {"HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}  # where Ray may leave what it likes
    subprocess.run(command, check=True, env=os.environ | home, timeout=600)
    assert out.read_bytes() == scanned.read_bytes()
