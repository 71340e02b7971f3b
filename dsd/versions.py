"""The version of torchvision, which every result records, without its seconds of imports."""

import re
from importlib.metadata import distribution
from pathlib import Path


def torchvision_version() -> str:
    """torchvision's ``__version__``; the installed metadata lack the CUDA version in it."""
    source = Path(str(distribution("torchvision").locate_file("torchvision/version.py")))
    return re.findall(r"__version__ = '(.+)'", source.read_text(encoding="utf-8"))[0]
