import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from dsd.scan.collection import scan
from tests.scan.samples import OPTIONS, SETTINGS, fail

RAY = """
import sys
import ray
from dsd.cli import main
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_goes_on_to_the_same_table(good, scanned, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.collection.merge", fail)
        with pytest.raises(OSError, match="disk full"):
            scan(good, out, SETTINGS, workers=0)
    for number in (1, 3):
        (tmp_path / "scores.parquet.parts" / f"{number:06}.parquet").unlink()
    command = [sys.executable, "-c", RAY, "scan", str(good), "--out", str(out), *OPTIONS, "--engine=ray", "--workers=0"]
    home = {"HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}  # where Ray may leave what it likes
    subprocess.run(command, check=True, env=os.environ | home, timeout=600)
    assert out.read_bytes() == scanned.read_bytes()
