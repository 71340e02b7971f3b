import os
import signal
import subprocess
import sys

import pytest

from dsd.atomic import atomic_write

KILLED = """
import os, signal, sys
from pathlib import Path
from dsd.atomic import atomic_write
with atomic_write(Path(sys.argv[1]), "w") as file:
    file.write("half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write(path, text):
    with atomic_write(path, "w") as file:
        file.write(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a[1].txt"
    write(path, "old")
    with pytest.raises(TypeError, match="write"), atomic_write(path, "w") as file:
        file.write(b"half")
    assert (path.read_text(), names(tmp_path)) == ("old", ["a[1].txt"])
    write(path, "new")
    assert (path.read_text(), names(tmp_path)) == ("new", ["a[1].txt"])


def test_what_a_kill_left_is_removed_a_day_later(tmp_path):
    path = tmp_path / "a[1].txt"
    write(path, "old")
    run = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert (run.returncode, path.read_text()) == (-signal.SIGKILL, "old")
    (left,) = tmp_path.glob(".*")
    write(path, "new")  # what lies there could be another process's that is still being written
    assert left.exists()
    others = [f".a1.txt.{'0' * 32}", f".a[1].txt.{'0' * 31}", f".a[1].txt.{'0' * 32}.png", "a[1].txt.partial"]
    for name in [left.name, *others]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    write(path, "new")
    assert names(tmp_path) == sorted([*others, path.name])
