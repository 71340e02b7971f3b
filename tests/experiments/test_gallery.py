import json
import re

import pytest
from PIL import Image, PngImagePlugin

from dsd.experiments import gallery
from dsd.experiments.catalogue import Experiment
from tests.conftest import REPOSITORY


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    """An experiment with two pictures, of which one is of a time before captions; and the folder of its files."""
    monkeypatch.setattr(gallery, "FIGURES", tmp_path / "figures")
    folder = tmp_path / "figures" / "sample"
    folder.mkdir(parents=True)
    cells = [
        "# Figure 9: a *new* one\n\nText.",
        "## What to see\n\n- A.\n\n## Paper vs. here\n\nThe\nsame.\n\n## To try",
    ]
    notebook = {"cells": [{"cell_type": "markdown", "source": [text]} for text in cells]}
    (tmp_path / "fig9_new.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    origin = {
        "parameters": {"preset": "sample"},
        "datasets": {"images": {"summary": "four (4 views)"}},
        **{"backbone": "vgg19", "weights": "w", "weights_sha256": "1" * 64, "precision": "float32", "commit": "0"},
    }
    for suffix in ("csv", "tex", "md", "ipynb"):
        (folder / f"fig9.{suffix}").touch()
    (folder / "fig9.json").write_text(json.dumps(origin), encoding="utf-8")
    metadata = PngImagePlugin.PngInfo()
    metadata.add_itxt("Description", json.dumps({"caption": "Four views; 95% of $α$."}))
    Image.new("L", (2, 2)).save(folder / "fig9.png", pnginfo=metadata)
    Image.new("L", (2, 2)).save(folder / "fig9-more.png")
    return Experiment("fig9", tmp_path, (tmp_path / "fig9_new.ipynb").relative_to(tmp_path)), folder


def test_the_committed_page_is_up_to_date():
    assert (REPOSITORY / "figures" / "README.md").read_text(encoding="utf-8") == gallery.page()


def test_every_link_leads_somewhere():
    page = gallery.page()
    links = re.findall(r"\]\(([^)#]+)\)", page)
    assert len(links) > 10
    assert [link for link in links if not (REPOSITORY / "figures" / link).is_file()] == []
    headings = {gallery.anchor(heading) for heading in re.findall(r"^## (.*)", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) == headings


def test_an_entry(rendered):
    assert gallery.entry(*rendered).split("\n\n") == [
        "## Figure 9: a *new* one",
        "![Figure 9: a *new* one](sample/fig9.png)",
        "Four views; 95% of $α$.",
        "![Figure 9: a *new* one](sample/fig9-more.png)",
        " · ".join(f"[{suffix}](sample/fig9.{suffix})" for suffix in ("csv", "md", "tex", "json", "ipynb")),
        "sample preset · vgg19, w 11111111, float32 · four (4 views) · commit 0",
        "**Paper vs. here.** The\nsame.",
    ]


def test_the_page_has_contents(rendered, monkeypatch):
    experiment, _ = rendered
    monkeypatch.setattr(gallery, "list_experiments", lambda: {"fig9": experiment})
    assert "- [Figure 9: a *new* one](#figure-9-a-new-one)\n\n## Figure 9" in gallery.page()


def test_the_page_is_written_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "FIGURES", tmp_path)
    gallery.write()
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith("# Figures and tables\n\nWritten by `make")
