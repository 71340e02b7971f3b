"""Run one notebook with a preset; its files reach the output folder only when all of it succeeded.

    python notebooks/run.py fig2 --preset sample --parameter seed=1 --out figures/sample

A notebook's defaults are the quick preset; params/<preset>/<figure>.yaml says what another preset changes.
"""

import argparse
import ast
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml
from papermill.exceptions import PapermillExecutionError

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
PRESETS = ("quick", "sample", "paper")


def find_notebook(name: str) -> Path:
    """fig2 → notebooks/fig2_dissimilarity.ipynb."""
    notebooks = {path.name.split("_")[0]: path for path in sorted(HERE.glob("*_*.ipynb"))}
    if name not in notebooks:
        raise ValueError(f"unknown figure {name!r}; valid ones: {', '.join(notebooks)}")
    return notebooks[name]


def resolve(notebook: Path, preset: str, images: str | None, given: Mapping[str, str]) -> dict[str, Any]:
    """What to run a notebook with: the preset's values, then those given; unknown names and wrong types are errors.

    `images` takes the place of every set of images that the notebook has: of each parameter named …images.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; valid ones: {', '.join(PRESETS)}")
    known = {name: ast.literal_eval(at["default"]) for name, at in papermill.inspect_notebook(str(notebook)).items()}
    parameters: dict[str, Any] = {"preset": preset}
    if preset != "quick":
        changes = HERE / "params" / preset / f"{notebook.name.split('_')[0]}.yaml"
        parameters |= yaml.safe_load(changes.read_text(encoding="utf-8"))
    if images and not any(name.endswith("images") for name in known):
        raise ValueError(f"{notebook.name} takes no folder of images, got {images!r}; it has: {', '.join(known)}")
    if images:
        parameters |= {name: images for name in known if name.endswith("images")}
    if unknown := sorted((set(parameters) | set(given)) - set(known)):
        raise ValueError(f"unknown parameter {', '.join(unknown)} for {notebook.name}; valid ones: {', '.join(known)}")
    return parameters | {name: _as(known[name], text, name) for name, text in given.items()}


def _as(default: Any, text: str, name: str) -> Any:
    """A parameter's text as a value of the same type as its default: text stays as it is."""
    if isinstance(default, str):
        return text
    value = yaml.safe_load(text)
    expected = (int, float) if isinstance(default, float) else type(default)
    if not isinstance(value, expected):
        raise ValueError(f"parameter {name} must be of the kind of {default!r}, got {text!r}")
    return value


def run(name: str, preset: str, images: str | None, given: Mapping[str, str], out: Path) -> None:
    """Execute a notebook into a folder of its own, then move what it made to `out`, the notebook itself last."""
    notebook = find_notebook(name)
    parameters = resolve(notebook, preset, images, given)
    out.mkdir(parents=True, exist_ok=True)
    for left_by_a_killed_run in out.glob(f".{name}-*/"):
        shutil.rmtree(left_by_a_killed_run)
    for failed_before in out.glob(f"{name}.failed.*"):
        failed_before.unlink()
    executed = f"{name}.ipynb"
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as folder:
        made = Path(folder)
        try:
            papermill.execute_notebook(
                os.path.relpath(notebook),  # relative: papermill stores the paths in what it writes
                os.path.relpath(made / executed),
                {**parameters, "out_dir": os.path.relpath(made, REPOSITORY)},
                kernel_name="python3",
                cwd=str(REPOSITORY),
                extra_arguments=["--log-level=ERROR"],  # no warning that cells travel unencrypted on this machine
            )
        except PapermillExecutionError as error:
            for path in made.iterdir():  # numbers too, where it came as far as those
                path.replace(out / path.name.replace(name, f"{name}.failed", 1))
            message = f"{notebook.name} failed: {error.ename}: {error.evalue}\nIt is kept as {out / name}.failed.ipynb"
            raise SystemExit(message) from None
        drop_progress(made / executed)
        for path in sorted(made.iterdir(), key=lambda path: path.name == executed):
            print(path.replace(out / path.name))


def drop_progress(executed: Path) -> None:
    """Take out of a notebook what went to stderr: thousands of updates of progress bars."""
    notebook = nbformat.read(executed, 4)
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, executed)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", help="fig2, tab1, …")
    parser.add_argument("--preset", default="quick", help=", ".join(PRESETS))
    parser.add_argument("--images", help="folder (or file) instead of all the preset's images")
    parser.add_argument("--parameter", "-p", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for what it makes (default: figures/<preset>, or figures/<preset>-changed where something is)",
    )
    options = parser.parse_args(arguments)
    try:
        if malformed := [text for text in options.parameter if "=" not in text]:
            raise ValueError(f"--parameter takes NAME=VALUE, got {', '.join(malformed)}")
        given = dict(text.split("=", 1) for text in options.parameter)
        changed = "-changed" if given or options.images else ""
        default = REPOSITORY / "figures" / f"{options.preset}{changed}"
        run(options.figure, options.preset, options.images, given, options.out or default)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
