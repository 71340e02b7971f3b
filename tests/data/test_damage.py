import io

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data import damage
from dsd.data.images import load_image
from dsd.paths import data_root
from tests.data.samples import save


@pytest.fixture
def photograph():
    """Something with detail, so that its data are long."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((128, 96))
    noise = generator.integers(-12, 13, (96, 128, 3))
    return Image.fromarray((np.asarray(coarse) + noise).clip(0, 255).astype(np.uint8))


def picture_data(data):
    """Where a JPEG's picture data begin."""
    scan = data.index(b"\xff\xda")
    return scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("trailing", [b"", bytes(100), b"\xff\xd8 a second picture \xff\xd9"])
def test_an_intact_jpeg_loads_as_before(tmp_path, photograph, mode, options, trailing):
    path = save(tmp_path / "x.jpg", photograph.convert(mode), quality=90, **options)
    path.write_bytes(path.read_bytes() + trailing)
    with Image.open(path) as file:
        expected = np.asarray(file.convert("RGB"))
    np.testing.assert_allclose(load_image(path), expected.transpose(2, 0, 1) / 255, atol=1e-7)


@pytest.mark.parametrize("side", [1, 3, 8, 17])
def test_small_jpegs_load(tmp_path, side):
    assert load_image(save(tmp_path / "x.jpg", Image.new("RGB", (side, side), (9, 99, 199)))).shape == (3, side, side)


def test_padding_before_the_end_marker_is_no_damage(tmp_path, photograph):
    path = save(tmp_path / "x.jpg", photograph)
    whole = load_image(path)
    for padding in (b"\xff" * 50, bytes(20)):
        path.write_bytes(path.read_bytes()[:-2] + padding + b"\xff\xd9")
        assert torch.equal(load_image(path), whole)


def test_a_jpeg_without_its_end(tmp_path, photograph):
    for options in ({}, {"progressive": True}):
        path = save(tmp_path / "x.jpg", photograph, **options)
        data = path.read_bytes()
        for short in (data[:-2], data[: len(data) * 2 // 3], data[: len(data) * 2 // 3].ljust(len(data), b"\0")):
            path.write_bytes(short)
            with pytest.raises(ValueError, match=r"cannot use .*x\.jpg: it is damaged: it has no end marker"):
                load_image(path)


def test_a_jpeg_with_too_few_or_too_many_data(tmp_path, photograph):
    path = save(tmp_path / "x.jpg", photograph, quality=90)
    data = path.read_bytes()
    start = picture_data(data)
    middle = (start + len(data)) // 2
    path.write_bytes(data[:middle] + data[middle + 400 :])
    with pytest.raises(ValueError, match=r"cannot use .*x\.jpg: image file is truncated"):
        load_image(path)
    path.write_bytes(data[:middle] + data[middle - 400 :])
    with pytest.raises(ValueError, match=r"cannot use .*x\.jpg: it is damaged: its picture ends before its data"):
        load_image(path)


def test_a_jpeg_with_a_marker_in_its_data(tmp_path, photograph):
    path = save(tmp_path / "x.jpg", photograph, quality=90)
    data = bytearray(path.read_bytes())
    middle = (picture_data(data) + len(data)) // 2
    data[middle : middle + 2] = b"\xff\xe1"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.jpg: it is damaged: marker FFE1 interrupts its picture data"):
        load_image(path)


def test_a_jpeg_without_one_of_its_restarts(tmp_path, photograph):
    path = save(tmp_path / "x.jpg", photograph, quality=90, restart_marker_rows=1)
    data = path.read_bytes()
    for restart in (b"\xff\xd0", b"\xff\xd2"):
        place = data.index(restart, picture_data(data))
        path.write_bytes(data[: place - 50] + bytes(100) + data[place + 50 :])
        with pytest.raises(ValueError, match=r"x\.jpg: it is damaged: restarts are missing in its picture data"):
            load_image(path)


def test_most_zeroed_blocks_of_a_jpeg_are_noticed(tmp_path, photograph):
    path = save(tmp_path / "x.jpg", photograph, quality=90)
    data = path.read_bytes()
    noticed = 0
    for block in range(picture_data(data), len(data) - 512, 512):
        path.write_bytes(data[:block] + bytes(512) + data[block + 512 :])
        try:
            load_image(path)
        except ValueError:
            noticed += 1
    assert noticed >= 0.8 * ((len(data) - 512 - picture_data(data)) // 512)


def test_a_pillow_that_wants_the_end_marker_gets_whole_files(tmp_path, photograph, monkeypatch):
    path = save(tmp_path / "x.jpg", photograph)
    whole = load_image(path)
    monkeypatch.setattr(damage.SequentialJPEG, "check", lambda _: (_ for _ in ()).throw(ValueError("a newer Pillow")))
    damage._pillow_accepts_sequential.cache_clear()
    assert torch.equal(load_image(path), whole)
    monkeypatch.undo()
    damage._pillow_accepts_sequential.cache_clear()
    assert damage._pillow_accepts_sequential()


def test_phone_pictures_with_several_images_load(tmp_path, photograph):
    path = tmp_path / "x.jpg"
    photograph.save(path, "MPO", save_all=True, append_images=[photograph.rotate(180)])
    with Image.open(path) as file:
        assert file.format == "MPO"
        expected = np.asarray(file.convert("RGB"))
    np.testing.assert_allclose(load_image(path), expected.transpose(2, 0, 1) / 255, atol=1e-7)


def test_every_changed_byte_of_a_png_is_noticed(tmp_path, photograph):
    path = save(tmp_path / "x.png", photograph.resize((16, 12)))
    data = path.read_bytes()
    for position in range(0, len(data), 7):
        path.write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
        with pytest.raises(ValueError, match=r"x\.png: it is cut off or damaged: .* of its part b'|it is none of BMP"):
            load_image(path)
    for length in range(8, len(data), 11):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"x\.png: it is cut off or damaged: the checksum of its part b'"):
            load_image(path)


@pytest.mark.parametrize("suffix", [".bmp", ".gif", ".ppm", ".tif", ".webp"])
def test_cut_files_of_other_formats(tmp_path, photograph, suffix):
    path = save(tmp_path / f"x{suffix}", photograph)
    data = path.read_bytes()
    for part in (0.02, 0.5, 0.95):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(ValueError, match=rf"cannot use .*x\{suffix}: "):
            load_image(path)


def test_a_stream_of_two_parts():
    stream = damage.SequentialJPEG(bytes(range(100)), 10, 90)
    assert stream.read(10) == bytes(range(10))
    assert stream.read() == bytes(range(10, 58))
    with pytest.raises(ValueError, match="its picture ends before its data"):
        stream.check()
    assert stream.read(1000) == bytes(range(58, 90)) + bytes(32)
    stream.check()
    assert damage.SequentialJPEG(bytes(100), 80, 90).read() == bytes(80)


def test_only_jpegs_are_wrapped():
    content = io.BytesIO(b"P5 1 1 255\n1")
    assert damage.check_integrity(content) is content
    assert content.tell() == 0


@pytest.mark.skipif(not (data_root() / "bsds500").is_dir(), reason=f"no bsds500 in {data_root()}")
def test_real_photographs_are_intact():
    for path in sorted((data_root() / "bsds500").rglob("*.jpg"))[:40]:
        load_image(path)
