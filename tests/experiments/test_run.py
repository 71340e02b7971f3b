"""`python -m dsd.experiments`; that each notebook runs is in test_notebooks.py."""

import json
import subprocess
import sys

import nbformat
import pytest
from nbclient.exceptions import DeadKernelError

from dsd.experiments.__main__ import main
from dsd.experiments.catalogue import list_experiments
from dsd.experiments.run import complete_files, tidy
from tests.conftest import REPOSITORY

TINY = ["layers=[relu1_2]", "steps=[1, 2]", "residual_std=0.01", "resize=48", "crop=32", "seed=7", "weights=random"]
JUPYTER = ("papermill", "nbformat", "nbclient", "IPython", "ipykernel", "jupyter_client")
# The command line, on a machine that lacks some packages.
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({missing!r}))
from dsd.experiments.__main__ import main
main()
"""


def experiments(*arguments, missing=()):
    command = [sys.executable, "-c", WITHOUT.format(missing=missing), *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_a_failed_notebook_leaves_nothing_that_looks_done(tmp_path):
    (tmp_path / "fig2.png").write_text("an earlier one")
    (tmp_path / ".fig2-killed").mkdir()
    options = ["-p", "weights=random", "-p", "layers=[relu1_2]", "--images", "2021 #1: where"]
    done = experiments("run", "fig2", *options, "--out", tmp_path)
    assert done.returncode == 1
    assert "fig2_dissimilarity.ipynb failed: FileNotFoundError: no folder 2021 #1: where" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"fig2.png", "fig2.failed.ipynb"}
    assert (tmp_path / "fig2.png").read_text() == "an earlier one"


def test_a_killed_notebook_says_so(tmp_path, monkeypatch):
    def killed(*_, **__):
        raise DeadKernelError("Kernel died")

    monkeypatch.setattr("papermill.execute_notebook", killed)
    with pytest.raises(SystemExit, match=r"fig7_histogram\.ipynb failed: its process was killed, often"):
        main(["run", "fig7", "--out", str(tmp_path)])


def test_numbers_computed_without_jupyter_are_the_notebooks(tmp_path, monkeypatch):
    options = [option for text in TINY for option in ("-p", text)]
    done = experiments("run", "fig6", *options, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    for name in JUPYTER:
        monkeypatch.setitem(sys.modules, name, None)
    main(["compute", "fig6", *options, "--out", str(tmp_path / "compute")])
    pictures = {f"fig6_step-{step}.png" for step in (0, 1, 2)}
    assert {path.name for path in (tmp_path / "compute").iterdir()} == {"fig6.csv", "fig6.json"} | pictures
    for name in ("fig6.csv", *pictures):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "compute" / name).read_bytes()
    run, compute = (json.loads((tmp_path / folder / "fig6.json").read_text()) for folder in ("run", "compute"))
    other = {"seconds": 0, "stamp_sha256": ""}  # a digest of the seconds, too
    assert run | other == compute | other


def test_a_failed_computation_leaves_nothing(tmp_path):
    options = ["--images", "nowhere", "-p", "weights=random", "-p", "layers=[relu1_2]"]
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        main(["compute", "fig7", *options, "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["run", "compute"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig99"], "unknown experiment 'fig99'; valid ones: cx-animate, "),
        (["fig2", "--preset", "huge"], "unknown preset 'huge'; valid ones: quick, sample, paper"),
        (["fig4", "--images", "mine"], "fig4_matching.ipynb takes no folder of images, got 'mine'; it has: backbone, "),
        (["fig2", "-p", "aplha=2"], "unknown parameter aplha for fig2_dissimilarity.ipynb; valid ones: backbone, "),
        (["fig2", "-p", "seed=abc"], "parameter seed must be of the kind of 0, got 'abc'"),
        (["fig2", "-p", "alpha=[1"], "parameter alpha must be of the kind of 4.0, got '[1'"),
        (["fig2", "-p", "preset=paper"], "parameter preset is set by --preset"),
        (["fig2", "-p", "seed"], "--parameter takes NAME=VALUE, got seed"),
    ],
)
def test_refuses(command, arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, *arguments, "--out", str(tmp_path)])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_compute_does_not_draw(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["compute", "fig2", "-p", "redraw=figures/quick", "--out", str(tmp_path)])
    assert "compute does not draw: give redraw to run" in capsys.readouterr().err


def test_a_wrong_argument_waits_for_nothing(tmp_path):
    missing = (*JUPYTER, "torch", "numpy", "pandas", "matplotlib")
    done = experiments("run", "fig2", "-p", "seed=abc", "--out", tmp_path, missing=missing)
    assert "parameter seed must be" in done.stderr
    assert experiments("list", missing=missing).returncode == 0


@pytest.fixture
def ran(monkeypatch):
    """What would have been run: the name, the parameters, the folder."""
    calls = []
    monkeypatch.setattr(
        "dsd.experiments.run.run", lambda experiment, *arguments: calls.append((experiment.name, *arguments))
    )
    return calls


def test_the_environment_is_read_when_asked_for(ran, monkeypatch):
    for name, value in {"PRESET": "sample", "IMAGES": "$(x) #1", "SEED": "3", "BACKBONE": "", "DEVICE": "cpu"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("WEIGHTS", raising=False)
    main(["run", "fig7", "--from-environment"])
    main(["run", "fig7", "--from-environment", "--preset", "quick", "--images", "mine", "-p", "seed=4"])
    main(["run", "fig7"])
    (_, sample, _), (_, given, _), (_, plain, _) = ran
    expected = {"preset": "sample", "images": "$(x) #1", "seed": 3, "device": "cpu", "backbone": "vgg19"}
    assert {name: sample[name] for name in expected} == expected
    assert given == {"preset": "quick", "images": "mine", "seed": 4, "device": "cpu"}
    assert plain == {"preset": "quick"}


def test_where_files_go(ran):
    main(["run", "fig7"])
    main(["run", "fig7", "--preset", "paper"])
    main(["run", "fig7", "-p", "alpha=3"])
    main(["run", "fig7", "--images", "mine"])
    figures = REPOSITORY / "figures"
    folders = [figures / name for name in ("quick", "paper", "quick-changed", "quick-changed")]
    assert [out for _, _, out in ran] == folders


def test_paths_are_those_of_where_one_is(ran, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    main(["run", "fig7", "--images", "mine", "-p", "redraw=mine", "--out", "new"])
    main(["run", "fig7", "--images", "bsds500/val", "-p", "redraw=figures/quick"])
    monkeypatch.chdir(REPOSITORY)
    main(["run", "fig7", "--images", "notebooks", "-p", "redraw="])
    found = [(parameters["images"], parameters["redraw"]) for _, parameters, _ in ran]
    mine = str(tmp_path / "mine")
    assert found == [(mine, mine), ("bsds500/val", "figures/quick"), ("notebooks", "")]
    assert ran[0][2].absolute() == REPOSITORY / "new"  # where one is, when it is run


def test_names_and_titles_are_listed(capsys):
    main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(list_experiments())
    assert "fig2          Figure 2: dissimilarity of image patches and of deep features" in lines


def test_the_notebook_moves_last(tmp_path, capsys):
    with complete_files("fig0", tmp_path / "new") as folder:
        for suffix in ("ipynb", "csv", "json"):
            (folder / f"fig0.{suffix}").touch()
        assert not list((tmp_path / "new").glob("fig0*"))
    names = [line.rsplit("/", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert sorted(names) == ["fig0.csv", "fig0.ipynb", "fig0.json"]
    assert names[-1] == "fig0.ipynb"
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(names)


def test_an_executed_notebook_names_its_own_place():
    new = nbformat.v4
    link = "[notebooks/params/](params) has more, [the paper](https://example.org/a) too."
    progress = new.new_output("stream", name="stderr", text="50%")
    cells = [
        new.new_markdown_cell(f"# Title\n\n{link}\n[Here it is rendered](../figures/sample/fig0.ipynb) with VGG-19."),
        new.new_code_cell("out_dir = 1", outputs=[progress, new.new_output("stream", name="stdout", text="done")]),
        new.new_code_cell('seed = 1\nout_dir = "../x/.fig0-1"', metadata={"tags": ["injected-parameters"]}),
    ]
    about = {"output_path": "../x/.fig0-1/fig0.ipynb", "parameters": {"out_dir": "../x/.fig0-1"}}
    notebook = new.new_notebook(cells=cells, metadata={"papermill": about})
    tidy(notebook, "figures/sample/fig0.ipynb")
    text, own, injected = notebook.cells
    assert text.source == "# Title\n\nnotebooks/params/ has more, [the paper](https://example.org/a) too.\n"
    assert (own.source, [output.name for output in own.outputs]) == ("out_dir = 1", ["stdout"])
    assert injected.source == 'seed = 1\nout_dir = "figures/sample"'
    expected = {"output_path": "figures/sample/fig0.ipynb", "parameters": {"out_dir": "figures/sample"}}
    assert notebook.metadata.papermill == expected
