"""Run an experiment; its files reach the output folder only when all of it succeeded."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from dsd.experiments.catalogue import REPOSITORY, Experiment


def run(experiment: Experiment, parameters: Mapping[str, Any], out: Path) -> None:
    """Execute an experiment's notebook.

    Args:
        experiment: whose notebook.
        parameters: those in which it is to differ from the notebook, see :func:`dsd.experiments.presets.resolve`.
        out: folder for the notebook as executed and for all that it writes.

    Raises:
        SystemExit: the notebook failed; how far it came is in ``<name>.failed.ipynb``.
    """
    import nbformat  # two seconds, which a wrong argument need not wait for
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    name = experiment.name
    with complete_files(name, out) as folder:
        executed = folder / f"{name}.ipynb"
        try:
            papermill.execute_notebook(
                os.path.relpath(experiment.repository / experiment.notebook),  # papermill stores the paths
                os.path.relpath(executed),
                {**parameters, "out_dir": os.path.relpath(folder, REPOSITORY)},
                kernel_name="python3",
                cwd=str(REPOSITORY),
                extra_arguments=["--log-level=ERROR"],  # no warning that cells travel unencrypted on this machine
            )
        except (PapermillExecutionError, DeadKernelError) as error:
            for path in folder.iterdir():  # numbers too, where it came as far as those
                path.replace(out / path.name.replace(name, f"{name}.failed", 1))
            killed = "its process was killed, often for want of memory; a smaller batch_size or count may help"
            reason = killed if isinstance(error, DeadKernelError) else f"{error.ename}: {error.evalue}"
            message = f"{experiment.notebook.name} failed: {reason}"
            raise SystemExit(f"{message}\nIt is kept as {out / name}.failed.ipynb") from None
        notebook = nbformat.read(executed, 4)
        target = out.resolve()
        shown = target.relative_to(REPOSITORY).as_posix() if target.is_relative_to(REPOSITORY) else target.name
        tidy(notebook, f"{shown}/{executed.name}")
        nbformat.write(notebook, executed)


def tidy(notebook: Any, place: str) -> None:
    """Take out of an executed notebook what means nothing where it lies.

    These are progress bars, the temporary folder that it wrote to, and links that start from the folder ``notebooks/``.

    Args:
        notebook: as nbformat reads it; it is changed.
        place: its own path, to name instead of that folder.
    """
    folder = place.rpartition("/")[0]
    line = f"out_dir = {json.dumps(folder)}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"^\[Here it is rendered\].*\n?", "", cell.source, flags=re.MULTILINE)
            cell.source = re.sub(r"\[([^\]]+)\]\((?!\w+:|#)[^)]+\)", r"\1", cell.source)
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell.source = re.sub(r"^out_dir = .*", lambda _: line, cell.source, flags=re.MULTILINE)
        if "outputs" in cell:  # without stderr: thousands of updates of progress bars
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    about = notebook.metadata.papermill
    about.output_path, about.parameters["out_dir"] = place, folder


def compute(experiment: Experiment, parameters: Mapping[str, Any], out: Path) -> None:
    """Compute an experiment's numbers and pictures in this process, without its notebook and without Jupyter.

    Args:
        experiment: what to compute.
        parameters: all of the notebook's but `out_dir`.
        out: folder for the table, its provenance, and the pictures where there are any.
    """
    from dsd.experiments.provenance import load_or_compute

    module = import_module(f"dsd.experiments.{experiment.module.stem}")
    with complete_files(experiment.name, out.absolute()) as folder, contextlib.chdir(REPOSITORY):  # as the notebook
        load_or_compute(module, parameters, folder)


@contextlib.contextmanager
def complete_files(name: str, out: Path) -> Iterator[Path]:
    """A folder for files that move to another one when nothing failed, the notebook last: make goes by its time.

    Args:
        name: of the experiment.
        out: where they move to.
    """
    out.mkdir(parents=True, exist_ok=True)
    for left_by_a_killed_run in out.glob(f".{name}-*/"):
        shutil.rmtree(left_by_a_killed_run)
    for failed_before in out.glob(f"{name}.failed.*"):
        failed_before.unlink()
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as folder:
        yield Path(folder)
        for path in sorted(Path(folder).iterdir(), key=lambda path: path.suffix == ".ipynb"):
            print(path.replace(out / path.name))
