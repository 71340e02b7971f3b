import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest

from dsd.scan.collection import scan
from tests.scan.samples import OPTIONS, SETTINGS, fail

RAY = """
import sys
import ray
from dsd.cli import main
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
sys.exit(max(main(arguments.split("\\n")) for arguments in sys.argv[1:]))
"""


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_goes_on_to_the_same_table_and_keeps_the_same_fingerprints(good, scanned, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.collection.merge", fail)
        with pytest.raises(OSError, match="disk full"):
            scan(good, out, SETTINGS, workers=0)
    for number in (1, 3):
        (tmp_path / "scores.parquet.parts" / f"{number:06}.parquet").unlink()
    prints = tmp_path / "prints.parquet"
    kept = replace(SETTINGS, layers=("relu1_2",), alphas=(2,), fingerprints=True)
    scan(good, tmp_path / "expected.parquet", kept, workers=0)
    common = ["scan", str(good), *OPTIONS, "--engine=ray", "--workers=0", "--out"]
    scans = [[*common, str(out)], [*common, str(prints), "--layers=relu1_2", "--alphas=2", "--fingerprints"]]
    home = {"HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}  # where Ray may leave what it likes
    command = [sys.executable, "-c", RAY, *map("\n".join, scans)]  # Ray takes long to start: once for both
    subprocess.run(command, check=True, env=os.environ | home, timeout=600)
    assert out.read_bytes() == scanned.read_bytes()
    for suffix in (".parquet", ".fingerprints.npy", ".fingerprints.json"):
        made, expected = ((tmp_path / name).with_suffix(suffix) for name in ("prints", "expected"))
        assert made.read_bytes() == expected.read_bytes()
