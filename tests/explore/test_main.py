"""How the explorer is opened."""

import os
import sys
from pathlib import Path

import nbformat
import pytest

from dsd.explore import __main__ as opening
from tests.conftest import REPOSITORY

TEMPLATE = REPOSITORY / "notebooks" / "jupyter" / "voila" / "templates" / "dsd" / "index.html.j2"


@pytest.mark.parametrize(("kind", "module"), [("lab", "jupyterlab"), ("app", "voila")])
def test_commands(kind, module, monkeypatch):
    monkeypatch.setattr(opening, "find_spec", lambda name: name == module)
    words = opening.command(kind, ["--port=1"])
    assert words == [sys.executable, "-m", module, str(REPOSITORY / "notebooks" / "explore.ipynb"), "--port=1"]


def test_what_is_missing_is_said(monkeypatch, capsys):
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"voila is not installed: pip install 'dsd\[explore\]'"):
        opening.command("app")
    with pytest.raises(SystemExit, match="not installed"):
        opening.main(["lab"])


def test_another_kind():
    with pytest.raises(ValueError, match="one of lab, app; got 'nothing'"):
        opening.command("nothing")
    with pytest.raises(SystemExit, match="one of lab, app; got ''"):
        opening.main([])


def test_the_notebook_finds_data_and_template(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSD_DATA", "somewhere")
    monkeypatch.setenv("JUPYTER_PATH", "mine")
    monkeypatch.delenv("JUPYTER_CONFIG_PATH", raising=False)
    variables = opening.environment()
    assert variables["DSD_DATA"] == str(tmp_path / "somewhere")
    assert variables["JUPYTER_PATH"] == f"{opening.SETTINGS}{os.pathsep}mine"
    assert Path(variables["JUPYTER_CONFIG_PATH"], "voila.json").is_file()
    assert (
        Path(variables["JUPYTER_PATH"].split(os.pathsep)[0], "voila", "templates", "dsd", "index.html.j2") == TEMPLATE
    )


def test_the_notebook_has_inputs_only():
    notebook = nbformat.read(REPOSITORY / "notebooks" / "explore.ipynb", 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [[]]
    assert code[0].source == "from dsd.explore.app import explore\n\nexplore()"


def test_the_template_names_no_other_machine():
    assert "://" not in TEMPLATE.read_text(encoding="utf-8")
