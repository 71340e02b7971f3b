"""What an experiment is run with: its notebook's values, then a preset's, then those given."""

from collections.abc import Mapping
from typing import Any

import yaml

from dsd import paper
from dsd.experiments.catalogue import PRESETS, Experiment

BY_OPTION = {"preset": "--preset", "out_dir": "--out"}  # parameters that have an option of their own


class PresetLoader(yaml.SafeLoader):
    """YAML in which ``!paper FIG4.steps`` stands for ``dsd.paper.FIG4["steps"]``."""


def _from_paper(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    value: Any = vars(paper)
    for key in str(loader.construct_scalar(node)).split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise ValueError(f"dsd/paper.py has no {node.value}")
        value = value[key]
    return value


PresetLoader.add_constructor("!paper", _from_paper)


def default_parameters(experiment: Experiment) -> dict[str, Any]:
    """The values in a notebook's parameters cell: the quick preset."""
    namespace: dict[str, Any] = {}
    exec(experiment.parameters_cell(), namespace)
    return {name: namespace[name] for name in experiment.parameters}


def preset_parameters(experiment: Experiment, preset: str) -> dict[str, Any]:
    """What a preset changes.

    Args:
        experiment: whose parameters.
        preset: ``"quick"``, ``"sample"`` or ``"paper"``.

    Raises:
        ValueError: there is no such preset, or its file has another form.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; valid ones: {', '.join(PRESETS)}")
    if preset == "quick":
        return {}
    file = experiment.preset_file(preset)
    if not (experiment.repository / file).is_file():
        raise ValueError(f"{experiment.name} has no preset {preset}: there is no {file}")
    try:
        changes = yaml.load((experiment.repository / file).read_text(encoding="utf-8"), PresetLoader)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {error}") from None
    if not isinstance(changes, dict):
        raise ValueError(f"{file} must have lines NAME: VALUE, got {changes!r}")
    return changes


def resolve(experiment: Experiment, preset: str, images: str | None, given: Mapping[str, str]) -> dict[str, Any]:
    """The parameters in which a run differs from the notebook, checked.

    Args:
        experiment: what is run.
        preset: ``"quick"``, ``"sample"`` or ``"paper"``.
        images: folder that takes the place of every set of images: of each parameter that is named …images.
        given: text by parameter: the last word.

    Returns:
        Values by parameter, `preset` among them.

    Raises:
        ValueError: a name is unknown, or a value is of the wrong kind.
    """
    defaults = {name: value for name, value in default_parameters(experiment).items() if name not in BY_OPTION}
    names = ", ".join(defaults)
    parameters = preset_parameters(experiment, preset)
    if images and not experiment.image_parameters:
        raise ValueError(f"{experiment.notebook.name} takes no folder of images, got {images!r}; it has: {names}")
    if images:
        parameters |= dict.fromkeys(experiment.image_parameters, images)
    changed = {*parameters, *given}
    if optional := sorted(changed & set(BY_OPTION)):
        raise ValueError(f"parameter {optional[0]} is set by {BY_OPTION[optional[0]]}")
    if unknown := sorted(changed - set(defaults)):
        raise ValueError(f"unknown parameter {', '.join(unknown)} for {experiment.notebook.name}; valid ones: {names}")
    types = experiment.argument_types() if given else {}
    values = {name: _parse(text, name, defaults[name], types.get(name, "")) for name, text in given.items()}
    return {"preset": preset, **parameters, **values}


def _parse(text: str, name: str, default: Any, type_: str) -> Any:
    """A parameter's text as a value of its default's kind, or another one that ``compute`` takes; text as it is."""
    if isinstance(default, str):
        return text
    if text == "null" and type_.endswith("| None"):
        return None
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    expected = (int, float) if isinstance(default, float) or type_ == "float" else type(default)
    if not isinstance(value, expected) or isinstance(value, bool) != isinstance(default, bool):
        raise ValueError(f"parameter {name} must be of the kind of {default!r}, got {text!r}")
    return value
