import json
import os

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from dsd.scan.collection import scan
from tests.scan.samples import LAYERS, SETTINGS, rows, save_tar


def test_says_how_it_was_made(scanned):
    assert pq.read_schema(scanned).field("relu1_2_dsd2").type == "float"
    about = json.loads(pq.read_schema(scanned).metadata[b"dsd"])
    assert about["layers"] == list(LAYERS)
    assert (about["backbone"], about["weights_sha256"], about["images"], about["threads"]) == ("lite", "random", 40, 1)
    assert about["versions"]["torch"] == torch.__version__
    assert not scanned.with_name("scores.parquet.parts").exists()


def test_names_of_any_bytes(tmp_path):
    Image.new("RGB", (40, 40)).save(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    scan(tmp_path, tmp_path / "scores.parquet", SETTINGS, workers=0)
    (row,) = rows(tmp_path / "scores.parquet")
    assert (row["path"], row["error"]) == ("caf\\xe9.png", None)


def test_class_is_also_the_tar_of_a_class(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "images" / "n01440764_1.png")
    save_tar(tmp_path / "n01440764.tar", tmp_path / "images")
    scan(tmp_path / "n01440764.tar", tmp_path / "scores.parquet", SETTINGS, workers=0)
    assert [(row["path"], row["class"]) for row in rows(tmp_path / "scores.parquet")] == [
        ("n01440764.tar/n01440764_1.png", "n01440764")
    ]


def test_refuses_to_overwrite_what_is_not_its_own(good, tmp_path):
    out = tmp_path / "scores.parquet"
    out.write_text("notes")
    with pytest.raises(ValueError, match=r"scores\.parquet is damaged, or is no table of a scan\. Remove it, or write"):
        scan(good, out, SETTINGS, workers=0)
    out.rename(tmp_path / "notes")
    (tmp_path / "scores.parquet.parts").mkdir()
    (tmp_path / "scores.parquet.parts" / "notes").touch()
    with pytest.raises(FileNotFoundError, match=r"parts has no settings\.json that says of which scan"):
        scan(good, out, SETTINGS, workers=0)
