"""The house as docs/architecture.md draws it: three storeys, arrows that point down, nothing that nobody uses."""

import ast
import json
import re
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter

import pytest

from dsd.experiments.catalogue import list_experiments
from tests.conftest import REPOSITORY

IDEA = {
    "attribution",
    *("atomic", "backbones", "checkpoint", "checks", "contextual", "descriptor", "gram", "losses", "optimize"),
    *("paper", "paths", "precision", "resize", "versions"),
}
SERVICES = {"cite", "cli", "data", "distil", "learned", "noref", "quality", "restore", "scan", "training"}
# Nothing in dsd imports what is on top; the explorer may use what experiments draw with.
STOREYS = {**dict.fromkeys(IDEA, 0), **dict.fromkeys(SERVICES, 1), "experiments": 2, "explore": 3}
# What the idea may import from outside at the top of a module; what only some function needs, it imports itself.
OUTSIDE = {"torch", "numpy", "safetensors", "tqdm"}
# torchvision takes seconds to import: only backbones that are of it do so, when they are asked for.
WITHOUT_TORCHVISION = {"__init__", "any", "base", "lite", "vgg19", "weights"}
MODULES = sorted((REPOSITORY / "dsd").rglob("*.py"))


def unit(name):
    """dsd.quality.metrics → quality; dsd itself and dsd.__version__ → None."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in STOREYS else None


def arrows(path):
    """What a module of dsd imports of dsd: names with dots, those given as strings ("module:name") included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"dsd(\.\w+)+:\w+", node.value)
        ):
            yield node.value.replace(":", ".")


def own(path):
    return unit(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_imports_point_down(path):
    source = own(path)
    if source is None:
        assert path.name in ("__init__.py", "__main__.py")
        return
    for target in arrows(path):
        if target.split(".")[0] != "dsd" or target in ("dsd", "dsd.__version__"):
            continue
        assert (room := unit(target)), f"{path} must import {target} from its own module, not from the public API"
        assert STOREYS[room] <= STOREYS[source], f"{source} must not import {target}"


def test_every_room_has_a_storey():
    rooms = {path.stem if path.is_file() else path.name for path in (REPOSITORY / "dsd").iterdir()}
    assert {room for room in rooms if not room.startswith("_")} - {"py"} == set(STOREYS)


def test_no_cycles_between_rooms():
    graph = {room: set() for room in STOREYS}
    for path in MODULES:
        if source := own(path):
            graph[source] |= {unit(target) for target in arrows(path) if target.startswith("dsd.")} - {source, None}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def names_of_experiments():
    return {experiment.module.stem for experiment in list_experiments().values()}


@pytest.mark.parametrize("stem", sorted(names_of_experiments()))
def test_experiments_do_not_import_each_other(stem):
    others = {f"dsd.experiments.{other}" for other in names_of_experiments() - {stem}}
    path = REPOSITORY / "dsd" / "experiments" / f"{stem}.py"
    assert not {target for target in arrows(path) for other in others if f"{target}.".startswith(f"{other}.")}


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if STOREYS.get(own(path)) == 0],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_the_idea_imports_torch_only(path):
    name = str(path.relative_to(REPOSITORY))
    top = ast.parse(path.read_text()).body
    for node in top:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None) or ""]
        for module in (n.split(".")[0] for n in names if isinstance(node, ast.Import | ast.ImportFrom)):
            known = {"dsd", *sys.stdlib_module_names, *OUTSIDE}
            if path.parent.name == "backbones" and path.stem not in WITHOUT_TORCHVISION:
                known.add("torchvision")
            assert module in known, f"{name} imports {module}"


def words(tree):
    """Every name that is read or imported, and the words of strings that are no docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield from node.name.split(".")
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield from re.findall(r"\w+", node.value)


def definitions(tree):
    """Public names of a module, and public methods and attributes of its classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        for target in getattr(node, "targets", []) + ([node.target] if isinstance(node, ast.AnnAssign) else []):
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))
        if isinstance(node, ast.ClassDef):
            yield from definitions(node)


# What torch, torchmetrics or dataclasses call.
CALLED_FROM_OUTSIDE = {"forward", "backward", "train", "extra_repr", "update", "compute"}
CALLED_FROM_OUTSIDE |= {"full_state_update", "is_differentiable"}


def test_every_public_name_is_used():
    """Somewhere in dsd, its notebooks, its benchmarks, or in the public API; tests do not count."""
    used = Counter()
    trees = {path: ast.parse(path.read_text()) for path in [*MODULES, *(REPOSITORY / "benchmarks").glob("*.py")]}
    for tree in trees.values():
        used.update(words(tree))
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                used.update(words(ast.parse("".join(cell["source"]))))
    used.update(words(ast.parse((REPOSITORY / "dsd" / "__init__.pyi").read_text())))
    used.update(re.findall(r"\w+", (REPOSITORY / "pyproject.toml").read_text()))
    unused = [
        f"{path.relative_to(REPOSITORY)}: {name}"
        for path in MODULES
        for name in definitions(trees[path])
        if not name.startswith("_") and not used[name] and name not in CALLED_FROM_OUTSIDE
    ]
    assert not unused
