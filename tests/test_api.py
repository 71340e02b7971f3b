"""The public API: what it lists is there, and nothing heavy is imported before it is used."""

import ast
import subprocess
import sys

import dsd
from tests.conftest import REPOSITORY


def imported(code):
    """Which of the heavy packages a process has imported after running some code."""
    heavy = "torch", "torchvision", "torch._dynamo", "numpy", "pandas", "matplotlib", "scipy"
    check = f"{code}\nimport sys; print(*[name for name in {heavy} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.split()


def test_every_name_is_there():
    for name in dsd.__all__:
        assert getattr(dsd, name) is not None
    stub = ast.parse((REPOSITORY / "dsd" / "__init__.pyi").read_text())
    names = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == set(dsd.__all__) <= set(dir(dsd))


def test_no_name_hides_a_module():
    modules = {path.stem for path in (REPOSITORY / "dsd").iterdir()}
    assert not modules & set(dsd.__all__)


def test_importing_it_imports_nothing_heavy():
    assert imported("import dsd, dsd.quality.metrics, dsd.backbones; dsd.BACKBONES, dsd.list_metrics()") == []


def test_torchvision_is_not_imported_for_losses_and_images():
    assert imported("import dsd; dsd.DSDLoss('lite'), dsd.VGG19, dsd.FeatureExtractor, dsd.load_image") == [
        "torch",
        "numpy",
    ]


def test_the_package_is_typed_and_has_a_version():
    assert (REPOSITORY / "dsd" / "py.typed").is_file()
    assert f'version = "{dsd.__version__}"' in (REPOSITORY / "pyproject.toml").read_text()
