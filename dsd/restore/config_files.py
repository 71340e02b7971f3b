"""Settings of training runs as YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from dsd.restore.config import Config, ValidationConfig, refuse_unknown


def load_config(path: str | Path, changes: Sequence[str] = ()) -> Config:
    """Read a run's settings.

    Args:
        path: a YAML file.
        changes: ``"losses.dsd.weight=100"``: values that take the place of the file's.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no YAML; a name that is unknown or a value that cannot be; the message names file and place.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no settings at {path}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no YAML: {error}") from None
    try:
        return parse_config(values, changes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_config(values: Mapping[str, Any], changes: Sequence[str] = ()) -> Config:
    """Settings out of plain values.

    Args:
        values: nested mappings, as YAML has them.
        changes: ``"losses.dsd.weight=100"``: values that take the place of others.

    Raises:
        ValueError: a name that is unknown or a value that cannot be; the message names the place.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"the settings must be lines NAME: VALUE, got {values!r}")
    values = _copy(values)
    for change in changes:
        place, equals, text = change.partition("=")
        *way, last = place.split(".")
        if not equals or not all((*way, last)):
            raise ValueError(f"a change must be NAME=VALUE, as in losses.dsd.weight=100; got {change!r}")
        inner = values
        for name in way:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{change!r} cannot be: {name} is {inner!r}")
        try:
            inner[last] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(f"{change!r} has no value in YAML: {error}") from None
    return _build(Config, values, "")


def as_yaml(config: Config) -> str:
    """All settings, also those that the file leaves out, as YAML."""
    return yaml.safe_dump(_plain(asdict(config)), sort_keys=False, allow_unicode=True)


def what_matters(config: Config) -> str:
    """The settings that a result depends on, as YAML: without validation, and how images are kept."""
    return as_yaml(replace(config, validation=ValidationConfig(), data=replace(config.data, keep=True)))


def _build(kind: Any, values: Mapping[str, Any], place: str) -> Any:
    if not isinstance(values, Mapping):
        raise ValueError(f"{place.rstrip('.')} must be lines NAME: VALUE, got {values!r}")
    refuse_unknown(values, [item.name for item in fields(kind)], place)
    if kind is Config and "losses" not in values:
        raise ValueError("losses are missing, as in losses: {rec: {weight: 1}}")
    hints = get_type_hints(kind)
    if kind is Config and isinstance(values["losses"], Mapping):
        values = {**values, "losses": _numbers(values["losses"])}
    return kind(
        **{
            name: _build(hints[name], value, f"{place}{name}.")
            if is_dataclass(hints[name])
            else _number(value, hints[name])
            for name, value in values.items()
        }
    )


def _numbers(losses: Mapping[str, Any]) -> dict[str, Any]:
    """Losses whose options are numbers where YAML has taken them for text."""
    return {
        name: {key: _number(value, float) if key != "layers" else value for key, value in options.items()}
        if isinstance(options, Mapping)
        else options
        for name, options in losses.items()
    }


def _number(value: Any, hint: Any) -> Any:
    """YAML takes 2e-4, which has no dot, for text."""
    if isinstance(value, list):
        inner = get_args(hint)[0] if get_origin(hint) else hint
        return tuple(_number(item, inner) for item in value)
    if isinstance(value, str) and float in (hint, *get_args(hint)):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
