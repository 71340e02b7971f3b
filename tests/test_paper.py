"""What the paper prints is data that something reads."""

import re
from pathlib import Path

import pytest

from dsd import paper

REPOSITORY = Path(__file__).parents[1]
SETTINGS = {name: value for name, value in vars(paper).items() if re.fullmatch(r"FIG\d|FULL_REFERENCE", name)}


@pytest.fixture(scope="module")
def readers():
    """Everything that may read the paper's settings, as one text."""
    files = [path for folder in ("dsd", "notebooks", "benchmarks") for path in (REPOSITORY / folder).rglob("*.*")]
    suffixes = {".py", ".ipynb", ".yaml"}
    return "\n".join(path.read_text() for path in files if path.suffix in suffixes and path.name != "paper.py")


def test_every_table_is_read(readers):
    for name in [name for name in vars(paper) if name.isupper()]:
        assert re.search(rf"paper[. ]{name}\b", readers), f"nothing reads {name}"


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, setting in SETTINGS.items() for key in setting])
def test_every_setting_is_read(name, key, readers):
    assert re.search(rf"""paper(\.{name}\[\\?"{key}\\?"\]| {name}\.{key}\b)""", readers), f"nothing reads {name}[{key}]"
