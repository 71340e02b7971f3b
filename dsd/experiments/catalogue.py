"""The experiments there are, and what make has to know about them.

An experiment is a notebook and the module of the same stem: ``notebooks/fig2_dissimilarity.ipynb`` and
``dsd/experiments/fig2_dissimilarity.py``. Its name is ``fig2``. Where no number comes first, all of the stem is the
name, with hyphens: ``lite_report`` is ``lite-report``.

The standard library is enough, also that of older Pythons: make runs this file before there is an environment.

    python3 dsd/experiments/catalogue.py rules
"""

from __future__ import annotations

import ast
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PRESETS = ("quick", "sample", "paper")


@dataclass(frozen=True)
class Experiment:
    """A figure, a table or a report, and where its files are."""

    name: str
    """What it is called everywhere: ``make fig2``."""
    repository: Path
    """Folder of all the files."""
    notebook: Path
    """Within that folder, like the other paths."""

    @property
    def module(self) -> Path:
        """Its ``compute`` and ``draw``."""
        return Path("dsd", "experiments", f"{self.notebook.stem}.py")

    def preset_file(self, preset: str) -> Path:
        """What a preset changes; the quick one has no such file."""
        return Path("notebooks", "params", preset, f"{self.name}.yaml")

    @property
    def in_paper(self) -> bool:
        """Whether the paper has this figure or table."""
        return re.fullmatch(r"(fig|tab)\d+", self.name) is not None

    @property
    def title(self) -> str:
        """The first heading of its notebook.

        Raises:
            ValueError: there is none.
        """
        for line in "\n".join(self.texts()).splitlines():
            if line.startswith("# "):
                return line.removeprefix("# ")
        raise ValueError(f"{self.notebook} has no title: its first cell must be text that starts with # and the title")

    @property
    def image_parameters(self) -> list[str]:
        """Its sets of images, which a folder can take the place of: the parameters that are named …images."""
        return [name for name in self.parameters if name.endswith("images")]

    @property
    def parameters(self) -> list[str]:
        """The names that the notebook's parameters cell assigns, in its order."""
        names: list[str] = []
        for node in ast.parse(self.parameters_cell(), self.notebook.as_posix()).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
        return names

    def parameters_cell(self) -> str:
        """Source of the notebook's cell tagged ``parameters``: the quick preset.

        Raises:
            ValueError: there is none, or several.
        """
        cells = [cell for cell in self._cells() if "parameters" in cell["metadata"].get("tags", [])]
        if len(cells) != 1:
            raise ValueError(f"{self.notebook} must have one cell tagged parameters, it has {len(cells)}")
        return "".join(cells[0]["source"])

    def argument_types(self) -> dict[str, str]:
        """The types of the arguments of ``compute``, as its module writes them; to import that takes seconds."""
        source = (self.repository / self.module).read_text(encoding="utf-8")
        return {
            argument.arg: ast.unparse(argument.annotation)
            for function in ast.parse(source, self.module.as_posix()).body
            if isinstance(function, ast.FunctionDef) and function.name == "compute"
            for argument in function.args.kwonlyargs
            if argument.annotation
        }

    def texts(self) -> list[str]:
        """The notebook's cells of text."""
        return ["".join(cell["source"]) for cell in self._cells() if cell["cell_type"] == "markdown"]

    def _cells(self) -> list[dict]:
        try:
            return json.loads((self.repository / self.notebook).read_text(encoding="utf-8"))["cells"]
        except (ValueError, KeyError) as error:
            raise ValueError(f"{self.notebook} is not a notebook: {error}") from None


def list_experiments(repository: Path = REPOSITORY) -> dict[str, Experiment]:
    """All experiments by name, in the order of their notebooks.

    Args:
        repository: folder that has ``notebooks/`` and ``dsd/experiments/``.

    Raises:
        ValueError: two notebooks have the same name.
    """
    notebooks: dict[str, Path] = {}
    for path in sorted(repository.glob("notebooks/*.ipynb"), key=_numbers_in_order):
        name = experiment_name(path.stem)
        notebook = path.relative_to(repository)
        if name in notebooks:
            raise ValueError(f"two notebooks have the name {name}: {notebooks[name]} and {notebook}")
        notebooks[name] = notebook
    experiments = [Experiment(name, repository, notebook) for name, notebook in notebooks.items()]
    return {at.name: at for at in experiments if (repository / at.module).is_file()}


def _numbers_in_order(path: Path) -> list[tuple[str, int]]:
    """What sorts fig2 before fig10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D+)(\d*)", path.stem)]


def experiment_name(stem: str) -> str:
    """The name that the stem of a notebook or module stands for.

    >>> experiment_name("fig2_dissimilarity"), experiment_name("lite_report")
    ('fig2', 'lite-report')
    """
    numbered = re.match(r"((?:fig|tab)\d+)_", stem)
    return numbered[1] if numbered else stem.replace("_", "-")


def find_experiment(name: str, repository: Path = REPOSITORY) -> Experiment:
    """The experiment of a name.

    Raises:
        ValueError: there is none.
    """
    experiments = list_experiments(repository)
    if name not in experiments:
        raise ValueError(f"unknown experiment {name!r}; valid ones: {', '.join(experiments)}")
    return experiments[name]


def make_rules(repository: Path = REPOSITORY) -> str:
    """What the Makefile includes: for each experiment a target, and the files of its own that it depends on."""
    rules = ["# Written by dsd/experiments/catalogue.py, again whenever an experiment changes."]
    for name, experiment in list_experiments(repository).items():
        preset_file = experiment.preset_file("$(PRESET)").as_posix()
        own = f"{name}_" if experiment.in_paper else experiment.module.stem
        modules = f"$(wildcard dsd/experiments/{own}*.py)"
        own_files = f"{experiment.notebook.as_posix()} {modules} $(wildcard {preset_file})"
        rules += ["", f".PHONY: {name}", f"{name}: $(OUT)/{name}.ipynb", f"$(OUT)/{name}.ipynb: {own_files}"]
        if experiment.in_paper:
            rules.append(f"figures: {name if experiment.image_parameters else f'$(if $(IMAGES),,{name})'}")
    return "\n".join(rules) + "\n"


def make_help(repository: Path = REPOSITORY) -> str:
    """The experiments, and the targets and variables that the Makefile explains."""
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*?## (.*)", makefile, re.MULTILINE)
    variables = re.findall(r"^([A-Z0-9]+) \?=[^#]*# *(.*)", makefile, re.MULTILINE)
    rows = [(name, experiment.title) for name, experiment in list_experiments(repository).items()]
    return "\n".join(
        [
            "Targets (each prepares its environment by itself; figures go to figures/<preset>/):",
            *(f"  {name:<13} {text}" for name, text in rows + targets),
            "Variables: make fig2 PRESET=sample DATA=../assets",
            *(f"  {name:<13} {text}" for name, text in variables),
            "",
        ]
    )


if __name__ == "__main__":
    try:
        print({"rules": make_rules, "help": make_help}[sys.argv[1]](), end="")
    except ValueError as problem:
        sys.exit(str(problem))
