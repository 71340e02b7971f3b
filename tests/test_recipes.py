"""The recipes of docs/architecture.md, each followed as it is printed, in a copy of the repository."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
DOCUMENT = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy in which all four recipes were followed."""
    tmp_path = tmp_path_factory.mktemp("copy")
    for name in ("dsd", "notebooks", "tests", "benchmarks"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "Makefile", "requirements.lock"):
        shutil.copy(REPOSITORY / name, tmp_path)
    for thing in ("figure", "backbone", "measure", "data set"):
        follow(f"Add a {thing}", tmp_path)
    return tmp_path


def follow(recipe, copy):
    """Write the files of a recipe, add its lines where it says."""
    section = DOCUMENT.split(f"## {recipe}\n")[1].split("\n## ")[0]
    cells = {}
    for place, content in re.findall(r"```python\n# (.+?)\n(.*?)```", section, re.DOTALL):
        path, _, where = place.partition(", ")
        if where.startswith("cell"):
            cells.setdefault(path, []).append(content)
        elif where.startswith("in "):
            text = (copy / path).read_text(encoding="utf-8")
            head = re.search(rf"^{where[3:]}\b.*\{{\n", text, re.MULTILINE)[0]
            (copy / path).write_text(text.replace(head, head + content), encoding="utf-8")
        else:
            (copy / path).write_text(content, encoding="utf-8")
    for path, sources in cells.items():
        notebook = nbformat.v4.new_notebook(metadata=KERNEL)
        notebook.cells = [nbformat.v4.new_markdown_cell("# A title"), *map(nbformat.v4.new_code_cell, sources)]
        notebook.cells[1].metadata["tags"] = ["parameters"]
        nbformat.write(notebook, copy / path)


def python(copy, *arguments):
    environment = os.environ | {"PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_house_stays_in_order(copy):
    """The new files fit the architecture, and lint has nothing to say."""
    python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_architecture.py")
    python(copy, "-m", "ruff", "check", "--no-cache", "dsd")


def save(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return path


def test_add_a_figure(copy):
    assert "fig99         A title" in python(copy, "-m", "dsd.experiments", "list")
    python(copy, "-m", "dsd.experiments", "run", "fig99", "--out", copy / "out")
    assert {path.name for path in (copy / "out").iterdir()} == {
        f"fig99.{suffix}" for suffix in ("csv", "ipynb", "json", "pdf", "png", "tex")
    }
    assert json.loads((copy / "out" / "fig99.json").read_text())["parameters"]["count"] == 6
    done = subprocess.run(["make", "-n", "fig99"], cwd=copy, capture_output=True, text=True, check=False)
    assert "dsd.experiments run fig99" in done.stdout, done.stderr


def test_add_a_backbone(copy):
    x, y = (save(copy / f"{name}.png", seed) for seed, name in enumerate("xy"))
    files = ["--reference", x, "--distorted", y, "--weights", "random", "--device", "cpu"]
    assert "dsd" in python(copy, "-m", "dsd", "score", *files, "--backbone", "resnet18", "--layers", "layer1,layer2")


def test_add_a_measure(copy):
    assert "mae" in python(copy, "-m", "dsd", "metrics")
    x, y = (save(copy / f"{name}.png", seed) for seed, name in enumerate("xy"))
    shown = python(copy, "-m", "dsd", "score", "--reference", x, "--distorted", y, "--metrics", "mae")
    expected = np.abs(np.asarray(Image.open(x), float) - np.asarray(Image.open(y), float)).mean() / 255
    assert float(shown.split()[-1]) == pytest.approx(expected, rel=1e-4)


def test_add_a_data_set(copy):
    rows = ["dist_img,ref_img,dmos,var"]
    save(copy / "kadid10k" / "images" / "I01.png", 0)
    for number, score in enumerate((4.5, 2.5, 1.0)):
        save(copy / "kadid10k" / "images" / f"I01_01_0{number}.png", number + 1)
        rows.append(f"I01_01_0{number}.png,I01.png,{score},0.1")
    (copy / "kadid10k" / "dmos.csv").write_text("\n".join(rows))
    code = "from dsd.data.rated_sets import load_rated; rated = load_rated('kadid10k', None)"
    code += "; print(rated.provenance()['summary']); print([pair.preference for pair in rated.pairs])"
    shown = python(copy, "-c", code)
    assert shown.splitlines() == ["KADID-10k (1 reference, 3 pairs)", "[2.0, 3.5, 1.5]"]
