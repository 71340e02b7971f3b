import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import dsd
from dsd.cli import main
from dsd.restore.apply import restore
from dsd.restore.model import load_model, save_model
from dsd.restore.networks import SRResNet
from dsd.restore.shipped import SHIPPED
from tests.cli.samples import save

SIZE = (9, 7)


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    network = SRResNet(1, activation="relu", scale=2)
    network.head[-1].weight.data *= 0.05
    save_model(network, tmp_path / "model.safetensors", {"steps": 1})
    return tmp_path / "model.safetensors"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "in"
    for seed, name in enumerate(("a.bmp", "b.png", "more/b.png", "more/c.d.tif")):
        save(folder / name, seed, size=SIZE)
    return folder


OUTPUTS = ["a.png", "b.png", "more/b.png", "more/c.d.png"]


def run(source, out, model, *options):
    where = [] if model is None else ["--model", str(model)]
    return main(["restore", str(source), "--out", str(out), *where, "--device", "cpu", *map(str, options)])


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def expected(path, model):
    y = restore(load_model(model)[0], dsd.load_image(path)[None], tile=None)[0]
    return y.permute(1, 2, 0).numpy() * 255


def test_one_file(images, tmp_path, model, capsys):
    out = tmp_path / "new" / "large.png"
    assert run(images / "a.bmp", out, model) == 0
    pixels = np.asarray(Image.open(out))
    assert (pixels.dtype, pixels.shape) == (np.uint8, (18, 14, 3))
    assert np.abs(pixels - expected(images / "a.bmp", model)).max() < 0.501  # rounded to the nearest
    assert names(out.parent) == ["large.png"]
    assert capsys.readouterr().out == f"{out}: 1 image written\n"


def test_a_folder(images, tmp_path, model, capsys):
    out = tmp_path / "out"
    assert run(images, out, model, "--tile", 4) == 0
    assert names(out) == OUTPUTS
    for name, source in zip(OUTPUTS, ("a.bmp", "b.png", "more/b.png", "more/c.d.tif"), strict=True):
        assert np.abs(np.asarray(Image.open(out / name)) - expected(images / source, model)).max() < 0.51
    assert f"{out}: 4 images written\n" in capsys.readouterr().out


@pytest.mark.parametrize("tile", ["none", 1, 1000])
def test_tiles_change_nothing(images, tmp_path, model, tile):
    assert run(images / "a.bmp", tmp_path / "x.png", model, "--tile", tile) == 0
    assert np.abs(np.asarray(Image.open(tmp_path / "x.png")) - expected(images / "a.bmp", model)).max() < 0.51


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (3, 2)])
def test_any_size_and_grey(tmp_path, model, size):
    Image.fromarray(np.full(size, 100, np.uint8)).save(tmp_path / "x.png")
    assert run(tmp_path / "x.png", tmp_path / "y.png", model) == 0
    assert dsd.load_image(tmp_path / "y.png").shape == (3, 2 * size[0], 2 * size[1])


def test_what_cannot_be_read_is_named_and_the_rest_done(images, tmp_path, model, capsys):
    (images / "b.png").write_bytes(b"broken")
    (images / "\x1b[2J.png").write_bytes(b"")
    assert run(images, tmp_path / "out", model) == 1
    captured = capsys.readouterr()
    assert f"failed: {images}/b.png: cannot use {images}/b.png" in captured.err
    assert f"failed: {images}/\\x1b[2J.png: " in captured.err
    assert "3 images written" in captured.out
    assert names(tmp_path / "out") == ["a.png", "more/b.png", "more/c.d.png"]
    save(images / "b.png", 1, size=SIZE)
    (images / "\x1b[2J.png").unlink()
    assert run(images, tmp_path / "out", model) == 0
    assert names(tmp_path / "out") == OUTPUTS


def test_one_file_that_cannot_be_read(tmp_path, model, capsys):
    (tmp_path / "x.png").write_bytes(b"broken")
    assert run(tmp_path / "x.png", tmp_path / "y.png", model) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"failed: {tmp_path / 'x.png'}: cannot use")
    assert captured.out == ""
    assert not (tmp_path / "y.png").exists()


def test_an_image_that_memory_does_not_hold_does_not_take_the_others(images, tmp_path, model, monkeypatch, capsys):
    def short_of_memory(network, x, *, tile):
        if not (tmp_path / "out" / "a.png").exists():
            return restore(network, x, tile=tile)
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr("dsd.restore.apply.restore", short_of_memory)
    assert run(images, tmp_path / "out", model) == 1
    assert capsys.readouterr().err.count("CUDA out of memory") == 3
    assert names(tmp_path / "out") == ["a.png"]


def test_a_folder_keeps_what_it_has(images, tmp_path, model, capsys):
    out = tmp_path / "out"
    save(out / "b.png", 77, size=(2, 2))
    before = (out / "b.png").read_bytes()
    assert run(images, out, model) == 0
    printed = capsys.readouterr().out
    assert f"{out}: 3 images written\n{out}: 1 image was there and kept; --overwrite restores again\n" in printed
    assert (out / "b.png").read_bytes() == before
    assert run(images, out, model) == 0
    assert capsys.readouterr().out == f"{out}: 4 images were there and kept; --overwrite restores again\n"
    assert run(images, out, model, "--overwrite") == 0
    assert f"{out}: 4 images written\n" in capsys.readouterr().out
    assert (out / "b.png").read_bytes() != before
    assert names(out) == OUTPUTS


def test_one_file_is_always_written(images, tmp_path, model):
    (tmp_path / "x.png").write_text("an earlier one")
    assert run(images / "a.bmp", tmp_path / "x.png", model) == 0
    assert dsd.load_image(tmp_path / "x.png").shape == (3, 18, 14)


@pytest.mark.parametrize(
    ("options", "ending"), [((), "interrupted; the same command goes on from here"), (("--overwrite",), "interrupted")]
)
def test_interrupted_run_keeps_what_is_done_and_the_same_command_goes_on(
    images, tmp_path, model, monkeypatch, capsys, options, ending
):
    calls = []

    def interrupt(path):
        calls.append(path.name)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return dsd.load_image(path)

    monkeypatch.setattr("dsd.data.images.load_image", interrupt)
    out = tmp_path / "out"
    assert run(images, out, model, *options) == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"dsd restore: {ending}"
    assert names(out) == OUTPUTS[:2]
    assert run(images, out, model) == 0
    assert calls == ["a.bmp", "b.png", "b.png", "b.png", "c.d.tif"]
    assert names(out) == OUTPUTS


def test_a_full_disk_ends_the_run_and_leaves_no_half_image(images, tmp_path, model, monkeypatch, capsys):
    def full(image, file, *_, **__):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    (images / "a.bmp").write_bytes(b"broken")
    monkeypatch.setattr(Image.Image, "save", full)
    assert run(images, tmp_path / "out", model) == 2
    captured = capsys.readouterr()
    assert f"failed: {images}/a.bmp: cannot use" in captured.err
    assert "dsd restore: [Errno 28] No space left on device" in captured.err
    assert names(tmp_path / "out") == []


def test_two_images_of_one_output_name_are_both_named_before_work_begins(images, tmp_path, model, capsys):
    save(images / "more" / "b.webp", 5, size=SIZE)
    assert run(images, tmp_path / "out", model) == 2
    names_both = f"{images}/more/b.png and {images}/more/b.webp would both become {tmp_path}/out/more/b.png"
    assert names_both in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_image_is_lost_to_another(images, tmp_path, model, capsys):
    before = {path: path.read_bytes() for path in images.rglob("*") if path.is_file()}
    (tmp_path / "link").symlink_to(images)
    for out in (images, images / "more", tmp_path / "link" / "new", images / ".." / "in"):
        assert run(images, out, model, "--overwrite") == 2
        assert f"--out must not be in IN, whose images are all restored; got {out} in" in capsys.readouterr().err
    assert run(images / "b.png", tmp_path / "link" / "b.png", model) == 2
    assert "which is itself an image to restore" in capsys.readouterr().err
    nested = save(images / "in" / "b.png", 8, size=SIZE)
    assert run(images, tmp_path, model, "--overwrite") == 2  # in/in/b.png would become in/b.png
    assert f"{nested} would become {tmp_path}/in/b.png, which is itself an image" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_a_folder_may_go_to_the_one_around_it(images, tmp_path, model):
    assert run(images, tmp_path, model) == 0
    assert (tmp_path / "more" / "c.d.png").is_file()


@pytest.mark.parametrize(
    ("source", "out", "options", "message"),
    [
        ("nowhere", "x.png", (), "no file or folder {}/nowhere"),
        ("in/a.bmp", "x.jpg", (), "--out must end in .png, as {0}/in/a.bmp is one image; got {0}/x.jpg"),
        ("in/a.bmp", "in/more", (), "--out must end in .png, as"),
        ("in/a.bmp", "folder.png", (), "--out must be a file, got the folder {}/folder.png"),
        ("in/a.bmp", "file/x.png", (), "--out: cannot write {0}/file/x.png, {0}/file is no folder"),
        ("in", "file", (), "{}/file is no folder"),
        ("in", "out", ("--tile", "-3"), "--tile must be at least 1, or none; got -3"),
        ("in", "out", ("--device", "tpu"), "device must be auto, cpu, cuda or mps, got 'tpu'"),
        ("in", "out", ("--model", "{}/nowhere.safetensors"), "no model {}/nowhere.safetensors"),
        ("in", "out", ("--model", "{}/file"), "{}/file is not a readable weight file"),
        ("empty", "out", (), "no image in {}/empty"),
    ],
)
def test_refuses(images, tmp_path, model, capsys, source, out, options, message):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / source, tmp_path / out, model, *(option.format(tmp_path) for option in options)) == 2
    assert message.format(tmp_path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_refuses_a_device_that_is_not_there(images, tmp_path, model, capsys):
    assert run(images, tmp_path / "out", model, "--device", "cuda") == 2
    assert "device 'cuda' was asked for, but there is no CUDA GPU" in capsys.readouterr().err


def test_takes_a_model_of_the_package_by_its_name(images, tmp_path, model, monkeypatch, capsys):
    monkeypatch.setitem(SHIPPED, "dsd", "nowhere.safetensors")
    assert run(images, tmp_path / "out", None) == 2
    assert "no model dsd; of the package there is dsd, l1" in capsys.readouterr().err
    monkeypatch.setitem(SHIPPED, "dsd", str(model))
    assert run(images, tmp_path / "out", None) == 0


def test_refuses_before_torch_is_imported(tmp_path):
    code = (
        "import sys; from dsd.cli import main; code = main(sys.argv[1:]); "
        "assert not {'torch', 'numpy', 'PIL', 'tqdm'} & set(sys.modules); sys.exit(code)"
    )
    save(tmp_path / "x.png", 0)
    for options in (["--out", "y.jpg"], ["--out", "y.png", "--model", "nowhere"], ["--out", "x.png"]):
        arguments = [sys.executable, "-c", code, "restore", "x.png", *options]
        ended = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 2, ended.stderr
        assert ended.stderr.startswith("dsd restore: ")
