"""The documentation: its code runs, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dsd.cli import main
from tests.conftest import REPOSITORY

DOCS = sorted((REPOSITORY / "docs").glob("*.md"))
PAGES = [*DOCS, *(REPOSITORY / folder / "README.md" for folder in ("", "data", "figures"))]
RUN_ELSEWHERE = "architecture.md"  # test_recipes.py


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """An empty folder with the pictures that the pages use, on a machine without data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSD_DATA", str(tmp_path / "no data"))
    generator = np.random.default_rng(0)
    names = ["reference.png", "distorted.png"]
    names += [f"{folder}/{name}.png" for folder in ("photographs", "sharp", "blurred") for name in "ab"]
    for path in map(Path, names):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)


def blocks(page):
    """The blocks of code of a page: (language, text)."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("page", [page for page in DOCS if page.name != RUN_ELSEWHERE], ids=lambda page: page.stem)
def test_code_runs(page):
    """Every block in its order: Python in one namespace, of the shell the calls of dsd."""
    namespace = {}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, page.name, "exec"), namespace)
        elif language in ("sh", "console"):
            for line in text.splitlines():
                words = shlex.split(line, comments=True)
                if words and Path(words[0]).name == "dsd":
                    assert main(words[1:]) == 0, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_lead_to_a_file_and_to_a_heading(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if heading:
            assert heading in headings(target), link


def test_tests_that_are_named_exist():
    files = list((REPOSITORY / "tests").rglob("test_*.py"))
    known = {path.stem for path in files}
    known.update(*(re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")) for path in files))
    named = set(re.findall(r"test_\w+", (REPOSITORY / "docs" / "robustness.md").read_text(encoding="utf-8")))
    assert len(named) > 20
    assert named <= known


def headings(page):
    """The addresses of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}
