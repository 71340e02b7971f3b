"""The trained networks that come with the package."""

from pathlib import Path

SHIPPED = {"dsd": "xsrresnet-x4-dsd.safetensors", "l1": "xsrresnet-x4-l1.safetensors"}


def find_model(name: str | Path) -> Path:
    """The file of a network: a path, or the name of one that comes with the package.

    Args:
        name: ``"dsd"`` (×4, trained with DSD), ``"l1"`` (×4, trained with L1 alone; what trainings with other losses
            begin with), or a path. A relative path may be one in the repository.

    Raises:
        FileNotFoundError: there is no such file.

    Example:
        >>> find_model("l1").name
        'xsrresnet-x4-l1.safetensors'
    """
    package = Path(__file__).parent
    path = package / SHIPPED[str(name)] if str(name) in SHIPPED else Path(name)
    if not path.is_file():
        path = package.parents[1] / path
    if not path.is_file():
        raise FileNotFoundError(f"no model {name}; of the package there is {', '.join(SHIPPED)}")
    return path
