"""Stamps: read back from every kind of file; each change is noticed, and what is none is not."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from dsd.cite import pdf, stamp
from tests.cite.samples import CAPTION, ORIGIN, write_figure
from tests.conftest import REPOSITORY

KINDS = ("png", "pdf", "json", "csv")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    write_figure(folder := tmp_path_factory.mktemp("drawn"))
    return folder


@pytest.fixture
def folder(drawn, tmp_path):
    """A figure's files, to be changed."""
    return Path(shutil.copytree(drawn, tmp_path / "figures"))


def rewrite_png(path, pixels=None, about=None, **options):
    """Save a PNG again: other pixels, another stamp, or the same otherwise compressed."""
    with Image.open(path) as image:
        values, text = np.asarray(image), image.info["Description"]
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Description", text if about is None else json.dumps(about))
    Image.fromarray(values if pixels is None else pixels).save(path, pnginfo=info, **options)


def about(path):
    with Image.open(path) as image:
        return json.loads(image.info["Description"])


def test_digests_against_hashlib(folder):
    """PNG: stamp and pixels; PDF: all bytes but the digits; JSON: its text; it names the table."""
    with Image.open(folder / "fig0.png") as image:
        values = np.asarray(image.convert("RGBA"))
    plain = about(folder / "fig0.png")
    digest = plain.pop("stamp_sha256")
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    height, width = values.shape[:2]
    expected = hashlib.sha256(f"{text}\0{width}×{height} ".encode() + values.tobytes())
    assert digest == expected.hexdigest()

    content = (folder / "fig0.pdf").read_bytes()
    (digits,) = re.findall(rb"rest of the file: ([0-9a-f]{64})\)", content)
    assert hashlib.sha256(content.replace(digits, b"")).hexdigest().encode() == digits

    plain = json.loads((folder / "fig0.json").read_text())
    digest = plain.pop("stamp_sha256")
    expected = hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode() + b"\0").hexdigest()
    assert digest == expected
    assert plain["drawn_from"] == {"fig0.csv": hashlib.sha256((folder / "fig0.csv").read_bytes()).hexdigest()}


@pytest.mark.parametrize("kind", KINDS)
def test_is_read_back(folder, kind):
    read = stamp.read_stamp(folder / f"fig0.{kind}")
    assert (read.name, read.caption, read.verified) == ("fig0", CAPTION, True)
    assert {key: read.provenance[key] for key in ORIGIN} == ORIGIN


def test_a_stamp_does_not_depend_on_the_order_of_its_keys():
    one, other = {"a": {"9": 1, "10": 2}, "b": (1, 2)}, {"b": [1, 2], "a": {10: 2, 9: 1}}
    assert stamp.seal(one, b"x") == stamp.seal(other, b"x")
    assert stamp.seal(stamp.seal(one)) == stamp.seal(one)
    assert stamp.seal(one, b"x") != stamp.seal(one, b"y")


def test_the_same_pixels_compressed_otherwise_are_no_change(folder):
    before = (folder / "fig0.png").read_bytes()
    rewrite_png(folder / "fig0.png", compress_level=0)
    assert (folder / "fig0.png").read_bytes() != before
    assert stamp.read_stamp(folder / "fig0.png").verified


def test_a_pixel_or_a_word_of_a_png(folder):
    path = folder / "fig0.png"
    content = path.read_bytes()
    with Image.open(path) as image:
        values = np.array(image)
    values[5, 7, 0] ^= 1
    text = about(path)
    for change in ({"pixels": values}, {"pixels": values[:-1]}, {"about": text | {"commit": "7654321"}}):
        path.write_bytes(content)
        rewrite_png(path, **change)
        with pytest.raises(ValueError, match=r"fig0\.png is not what was stamped: it has changed since"):
            stamp.read_stamp(path)
    path.write_bytes(content)
    rewrite_png(path, about={key: value for key, value in text.items() if key != "stamp_sha256"})
    with pytest.raises(ValueError, match="is not what was stamped"):  # it names the files it was drawn from
        stamp.read_stamp(path)


def test_any_byte_of_a_pdf(folder):
    path = folder / "fig0.pdf"
    content = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(content), 30)
    for place in (*places, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"fig0\.pdf (is not what was stamped|has no stamp)"):
            stamp.read_stamp(path)
    path.write_bytes(content + b"\n")
    with pytest.raises(ValueError, match="is not what was stamped"):
        stamp.read_stamp(path)
    path.write_bytes(re.sub(rb"/Keywords \([^)]*\)", b"", content))
    with pytest.raises(ValueError, match="is not what was stamped"):
        stamp.read_stamp(path)


def test_numbers_and_their_json(folder):
    table, beside = folder / "fig0.csv", folder / "fig0.json"
    numbers, text = table.read_text(), beside.read_text()
    table.write_text(numbers.replace("2", "3"))
    for path in (table, beside):
        with pytest.raises(ValueError, match=r"fig0\.csv is not what was stamped"):
            stamp.read_stamp(path)
    table.write_text(numbers)
    beside.write_text(text.replace("1234567", "7654321"))
    for path in (table, beside):
        with pytest.raises(ValueError, match=r"fig0\.json is not what was stamped"):
            stamp.read_stamp(path)
    beside.unlink()
    with pytest.raises(ValueError, match=r"fig0\.csv has its stamp in fig0\.json, which must lie beside it"):
        stamp.read_stamp(table)


def test_a_picture_of_other_numbers_is_noticed(folder):
    changed = json.loads((folder / "fig0.json").read_text()) | {"commit": "7654321"}
    (folder / "fig0.json").write_text(json.dumps(stamp.seal(changed)))
    with pytest.raises(ValueError, match=r"fig0\.png was drawn from other numbers than those of .*fig0\.json"):
        stamp.read_stamp(folder / "fig0.json")
    (folder / "fig0.png").unlink()
    assert stamp.read_stamp(folder / "fig0.csv").caption == ""


def test_older_stamps_are_read_and_not_verified(folder):
    """As files were written before there were digests."""
    rewrite_png(folder / "fig0.png", about=ORIGIN | {"caption": CAPTION})
    (folder / "fig0.json").write_text(json.dumps(ORIGIN))
    text = json.dumps(ORIGIN | {"caption": "a (b)"}).replace("(", r"\(").replace(")", r"\)")
    (folder / "fig0.pdf").write_bytes(b"%PDF-1.4 << /Subject (" + text.encode() + b") >>")
    for kind in KINDS:
        read = stamp.read_stamp(folder / f"fig0.{kind}")
        assert not read.verified
        assert read.caption == ("a (b)" if kind == "pdf" else CAPTION)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.png", None, "has no stamp: a figure's files have one as `make` writes them"),
        ("x.png", b"no image", "cannot be read"),
        ("x.pdf", b"%PDF-1.4", "has no stamp"),
        ("x.pdf", rb"/Subject (about \(things\))", "has no stamp"),
        ("x.json", b'{"commit": 1}', "has no stamp"),
        ("x.json", b"[]", "has no stamp"),
        ("x.json", b'{"commit": "1", "parameters": {}, "datasets": {}, "backbone": "lite"}', "has no stamp"),
        ("x.json", b"{", "has no stamp"),
        ("x.tex", b"", r"must be one of a figure's files: \.png, \.pdf, \.json, \.csv"),
    ],
)
def test_files_without_a_stamp(tmp_path, name, content, message):
    if content is None:
        Image.new("L", (2, 2)).save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        stamp.read_stamp(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        stamp.read_stamp(tmp_path / "nowhere.pdf")


def test_a_cut_off_picture(folder):
    content = (folder / "fig0.png").read_bytes()
    for part in np.linspace(0, len(content) - 64, 30).astype(int):  # behind that are checksums only
        (folder / "fig0.png").write_bytes(content[:part])
        with pytest.raises(ValueError, match=r"fig0\.png (cannot be read|has no stamp)"):
            stamp.read_stamp(folder / "fig0.png")


def test_only_a_pdf_with_room_for_digits_is_sealed():
    with pytest.raises(ValueError, match="content must have the Keywords 'SHA-256 of the rest of the file: 0000"):
        pdf.seal(b"%PDF-1.4")
    assert pdf.is_sealed(b"%PDF-1.4") is None


@pytest.mark.parametrize("path", sorted((REPOSITORY / "figures" / "sample").glob("*.json")), ids=lambda path: path.stem)
def test_committed_figures_are_what_was_stamped(path):
    for kind in KINDS:
        assert stamp.read_stamp(path.with_suffix(f".{kind}")).name == path.stem
