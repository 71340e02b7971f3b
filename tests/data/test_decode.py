import multiprocessing
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from dsd.data import decode
from dsd.data.decode import MAX_PIXELS
from dsd.data.images import load_image
from tests.data.image_writers import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, png, tiff
from tests.data.samples import GRADIENT, save

WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1  # photometric interpretations of a TIFF
COLOUR, INDEXED, CMYK, YCBCR, LAB = 2, 3, 5, 6, 8
EIGHT_BITS = 1 / 254  # what 16-bit colour and transparency, which are computed with 8 bits, may be off
EVERY_TURN = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.T, 2),
    8: np.rot90,
}


def samples(bits, *shape):
    return np.random.default_rng(0).integers(0, 2**bits, (6, 16, *shape))


def assert_loads(path, expected, atol=1e-6):
    """`expected` is (H, W) or (H, W, 3) in [0, 1]."""
    if expected.ndim == 2:
        expected = np.stack([expected] * 3, axis=-1)
    image = load_image(path)
    assert image.shape == (3, *expected.shape[:2])
    np.testing.assert_allclose(image.permute(1, 2, 0), expected, atol=atol)


def over_white(colour, alpha):
    return colour * alpha + 1 - alpha


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize(
    ("order", "photometric", "bits"),
    [(order, BLACK_IS_ZERO, bits) for order in "<>" for bits in (1, 2, 4, 8, 16)]
    + [(order, WHITE_IS_ZERO, bits) for order in "<>" for bits in (1, 2, 4, 8)]
    + [("<", BLACK_IS_ZERO, 12), ("<", WHITE_IS_ZERO, 16)],
)
def test_grey_tiff(tmp_path, order, photometric, bits, compression):
    values = samples(bits)
    path = tiff(tmp_path / "x.tif", values, bits, order=order, photometric=photometric, compression=compression)
    grey = values / (2**bits - 1)
    assert_loads(path, grey if photometric == BLACK_IS_ZERO else 1 - grey)


def test_12_bit_tiff_of_odd_width(tmp_path):
    values = samples(12)[:, :7]
    assert_loads(tiff(tmp_path / "x.tif", values, 12, photometric=BLACK_IS_ZERO), values / 4095)


@pytest.mark.parametrize(("order", "photometric", "bits"), [("<", 0, 12), (">", 0, 16), (">", 1, 12), ("<", 1, 10)])
def test_grey_tiff_of_kinds_that_pillow_cannot_read(tmp_path, order, photometric, bits):
    path = tiff(tmp_path / "x.tif", samples(bits), bits, order=order, photometric=photometric)
    with pytest.raises(ValueError, match=r"x\.tif: it is none of BMP, .*, WEBP, or of a kind that Pillow cannot read"):
        load_image(path)


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("sample_format", [2, 3])
def test_signed_and_floating_point_tiff(tmp_path, sample_format, bits):
    path = tiff(tmp_path / "x.tif", samples(7), bits, photometric=1, sample_format=sample_format)
    with pytest.raises(ValueError, match=r"x\.tif: its pixels are signed or floating-point|none of BMP"):
        load_image(path)


def test_32_bit_tiff(tmp_path):
    with pytest.raises(ValueError, match=r"x\.tif: its pixels are of Pillow's mode I, of unknown range or colour"):
        load_image(tiff(tmp_path / "x.tif", samples(32), 32, photometric=1))


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_tiff(tmp_path, bits, order, compression):
    values = samples(bits, 4)
    full = values / (2**bits - 1)
    alpha = full[..., 3:]
    premultiplied = values.copy()
    premultiplied[..., :3] = values[..., :3] * values[..., 3:] // (2**bits - 1)
    kinds = [
        (values[..., :3], {"photometric": COLOUR}, full[..., :3]),
        (values, {"photometric": COLOUR, "extra": 2}, over_white(full[..., :3], alpha)),
        (values, {"photometric": COLOUR, "extra": 0}, full[..., :3]),
        (premultiplied, {"photometric": COLOUR, "extra": 1}, premultiplied[..., :3] / (2**bits - 1) + 1 - alpha),
        (values, {"photometric": CMYK}, (1 - full[..., :3]) * (1 - alpha)),
    ]
    for pixels, fields, expected in kinds:
        path = tiff(tmp_path / "x.tif", pixels, bits, order=order, compression=compression, **fields)
        assert_loads(path, expected, atol=3 * EIGHT_BITS)


def test_grey_tiff_with_transparency(tmp_path):
    values = samples(8, 2)
    grey, alpha = np.moveaxis(values / 255, -1, 0)
    assert_loads(tiff(tmp_path / "x.tif", values, photometric=1, extra=2), over_white(grey, alpha), EIGHT_BITS)
    values[..., 0] = values[..., 0] * values[..., 1] // 255  # premultiplied
    expected = values[..., 0] / 255 + 1 - alpha
    assert_loads(tiff(tmp_path / "x.tif", values, photometric=1, extra=1), expected, 2 * EIGHT_BITS)


@pytest.mark.parametrize(
    ("bits", "channels", "fields", "refused"),  # for which compressions
    [
        (8, 3, {"photometric": COLOUR}, ()),
        (16, 3, {"photometric": COLOUR}, (1,)),
        (16, 4, {"photometric": CMYK}, (1,)),
        (16, 4, {"photometric": COLOUR, "extra": 2}, (1,)),
        (8, 4, {"photometric": COLOUR}, (1, 8)),
        (8, 2, {"photometric": BLACK_IS_ZERO, "extra": 2}, (1, 8)),
        (8, 1, {"photometric": WHITE_IS_ZERO}, (1,)),
        (1, 1, {"photometric": WHITE_IS_ZERO}, (1,)),
    ],
)
def test_tiff_in_planes_is_right_or_refused(tmp_path, bits, channels, fields, refused):
    values = samples(bits, channels)
    for compression in (1, 8):
        path = tiff(tmp_path / "x.tif", values, bits, planar=2, compression=compression, **fields)
        if compression in refused:
            with pytest.raises(ValueError, match=r"x\.tif: its colours lie in separate planes, of a kind that Pillow"):
                load_image(path)
        else:
            same = tiff(tmp_path / "y.tif", values, bits, compression=compression, **fields)
            np.testing.assert_allclose(load_image(path), load_image(same), atol=EIGHT_BITS)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("orientation", list(EVERY_TURN))
def test_tiff_is_turned_upright(tmp_path, orientation, bits):
    values = samples(bits)
    path = tiff(tmp_path / "x.tif", values, bits, photometric=1, orientation=orientation)
    assert_loads(path, EVERY_TURN[orientation](values) / (2**bits - 1))


def test_tiff_with_a_colour_map(tmp_path):
    values, colours = samples(8), np.random.default_rng(1).integers(0, 2**16, (3, 256))
    path = tiff(tmp_path / "x.tif", values, photometric=INDEXED, colour_map=colours.ravel())
    assert_loads(path, (colours / 65535).T[values], EIGHT_BITS)
    tiff(path, values, photometric=INDEXED, colour_map=colours.ravel() >> 8)
    with pytest.raises(ValueError, match=r"x\.tif: its colour map has 8 bits, 16 are expected"):
        load_image(path)


def test_ycbcr_and_lab_tiff(tmp_path):
    values = samples(8, 3)
    y, cb, cr = np.moveaxis(values / 255, -1, 0)
    cb, cr = cb - 128 / 255, cr - 128 / 255
    expected = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1).clip(0, 1)
    path = tiff(tmp_path / "x.tif", values, photometric=YCBCR, subsampling=[1, 1])
    assert_loads(path, expected, 2 * EIGHT_BITS)
    tiff(path, values, photometric=YCBCR, subsampling=[2, 2])
    with pytest.raises(ValueError, match=r"x\.tif: its colours are YCbCr of lower resolution, not compressed"):
        load_image(path)
    with pytest.raises(ValueError, match=r"x\.tif: its pixels are of Pillow's mode LAB"):
        load_image(tiff(path, values, photometric=LAB))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_png_with_a_transparent_grey(tmp_path, bits):
    values = samples(bits)
    for key in (0, 2**bits - 1, values[2, 3]):
        path = png(tmp_path / "x.png", values, bits, GREY, transparent=struct.pack(">H", key))
        assert_loads(path, np.where(values == key, 1, values / (2**bits - 1)))


def test_rgb_png_with_a_transparent_colour(tmp_path):
    values = samples(8, 3)
    values[1] = key = values[1, 2]
    transparent = struct.pack(">3H", *key)
    path = png(tmp_path / "x.png", values, 8, RGB, transparent=transparent)
    assert_loads(path, np.where((values == key).all(axis=-1, keepdims=True), 1, values / 255))
    png(path, samples(16, 3), 16, RGB, transparent=transparent)
    with pytest.raises(ValueError, match=r"x\.png: it is of 16 bits and one of its colours is transparent"):
        load_image(path)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("colour", "channels"), [(RGB, 3), (RGBA, 4), (GREY_ALPHA, 2)])
def test_png_of_8_and_16_bits(tmp_path, colour, channels, bits):
    values = samples(bits, channels)
    full = values / (2**bits - 1)
    expected = full if colour == RGB else over_white(full[..., :-1], full[..., -1:])
    assert_loads(png(tmp_path / "x.png", values, bits, colour), np.broadcast_to(expected, (6, 16, 3)), 2 * EIGHT_BITS)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_png_with_a_palette(tmp_path, bits):
    generator = np.random.default_rng(1)
    values, palette = samples(bits), generator.integers(0, 256, (2**bits, 3), dtype=np.uint8)
    colours = palette[values] / 255
    assert_loads(png(tmp_path / "x.png", values, bits, PALETTE, palette=palette), colours)
    for alpha in (generator.integers(0, 256, 2**bits, dtype=np.uint8), np.array([255, 0], np.uint8)):
        path = png(tmp_path / "x.png", values, bits, PALETTE, palette=palette, transparent=alpha.tobytes())
        full = np.append(alpha, np.full(2**bits, 255))[values][..., None] / 255
        assert_loads(path, over_white(colours, full), EIGHT_BITS)
    with pytest.raises(ValueError, match=r"x\.png: it has no palette"):
        load_image(png(tmp_path / "x.png", values, bits, PALETTE))


@pytest.mark.parametrize("most", [100, 255, 1000, 65535])
def test_grey_ppm(tmp_path, most):
    values = np.random.default_rng(0).integers(0, most + 1, (6, 16))
    kind = ">u2" if most > 255 else "u1"
    (tmp_path / "x.ppm").write_bytes(f"P5 16 6 {most}\n".encode() + values.astype(kind).tobytes())
    assert_loads(tmp_path / "x.ppm", values / most, EIGHT_BITS if most < 255 else 1e-5)


def test_cmyk_jpeg_with_and_without_adobes_marker(tmp_path):
    path = save(tmp_path / "x.jpg", Image.new("RGB", (16, 16), (200, 60, 30)).convert("CMYK"), quality=100)
    assert_loads(path, np.full((16, 16, 3), np.array([200, 60, 30]) / 255), 3 * EIGHT_BITS)
    data = path.read_bytes()
    marker = data.index(b"\xff\xee")
    path.write_bytes(data[:marker] + data[marker + 16 :])
    with pytest.raises(ValueError, match=r"x\.jpg: its colours are CMYK without Adobe's marker"):
        load_image(path)


def test_no_program_is_started_for_a_picture(tmp_path, monkeypatch):
    save(tmp_path / "x.eps", Image.fromarray(GRADIENT)).rename(tmp_path / "x.jpg")
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started"))
    with pytest.raises(ValueError, match=r"x\.jpg: it is none of BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP, or of a kind"):
        load_image(tmp_path / "x.jpg")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize("pillows", [10, None])
def test_the_limit_is_ours_not_pillows(tmp_path, monkeypatch, suffix, pillows):
    path = save(tmp_path / f"x{suffix}", Image.fromarray(GRADIENT))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillows)
    assert load_image(path).shape == (3, 12, 20)
    monkeypatch.setattr("dsd.data.decode.MAX_PIXELS", 239)
    with pytest.raises(ValueError, match=rf"x\{suffix}: it is 20×12 pixels, and the limit is 239 in all"):
        load_image(path)
    assert pillows == Image.MAX_IMAGE_PIXELS


def test_large_images_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    """At the size where Pillow would warn, and where it would raise."""
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    for width, height in ((MAX_PIXELS // 1000 + 1, 1000), (13000, 14000)):
        path = png(tmp_path / "x.png", np.zeros((1, 1), int), 1, GREY)
        data = bytearray(path.read_bytes())
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"it is {width}×{height} pixels, and the limit is 120,000,000 in all"):
            load_image(path)


class Interrupted(set):
    """An interrupt comes just after something was added."""

    def add(self, entry):
        super().add(entry)
        raise KeyboardInterrupt


def test_pillows_limit_is_back_after_an_interrupt_on_entering(picture, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr(decode, "_inside", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        load_image(picture)
    monkeypatch.setattr(decode, "_inside", set(decode._inside))
    load_image(picture)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here")
def test_processes_forked_while_threads_load_can_load(picture, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    stop = threading.Event()

    def work():
        while not stop.is_set():
            with decode._pillows_limit_off():
                pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            process = multiprocessing.get_context("fork").Process(target=load, args=(picture,))
            process.start()
            process.join(20)
            assert process.exitcode == 0, "it waits for a lock that a thread of its parent held, or keeps the limit off"
    finally:
        process.kill()
        stop.set()
        for thread in threads:
            thread.join()


def load(path):
    load_image(path)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_pillows_limit_is_back_after_several_threads(picture, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    shapes = []
    threads = [threading.Thread(target=lambda: shapes.append(load_image(picture).shape)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(3, 12, 20)] * 8
    assert Image.MAX_IMAGE_PIXELS == 10
