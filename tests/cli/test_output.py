"""Streams that are full, closed, left early or of a poor encoding; names that would steer a terminal."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext

import pytest

from dsd.cli import main
from dsd.cli.output import escape
from tests.cli.samples import save


def shell(command, folder, **environment):
    """What Bash makes of a command line: exit code of its first command, standard output and error."""
    script = f"{command}; exit ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["bash", "-c", script, sys.executable], cwd=folder, capture_output=True, check=False, env=environment or None
    )
    return run.returncode, run.stdout.decode(), run.stderr.decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 name.png", "plain é 漢 name.png"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x07\x9b", r"\x1b[2J\x07\x9b"),
        ("\udcff\u202e\u2028", r"\udcff\u202e\u2028"),
    ],
)
def test_escape(text, shown):
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("command", "code", "printed", "error"),
    [
        ("metrics > /dev/full", 2, "", "dsd metrics: cannot write to standard output: No space left on device\n"),
        ("--help > /dev/full", 2, "", "dsd: cannot write to standard output: No space left on device\n"),
        ("--version | head -0", 0, "", ""),
        ("metrics | head -0", 0, "", ""),
        ("metrics >&-", 0, "", ""),
        ("metrics <&- >&- 2>&-", 0, "", ""),
        ("metrics 2> /dev/full | tail -1", 0, "↑ higher is better, ↓ lower is better\n", ""),
        ("metrics 2>&- | tail -1", 0, "↑ higher is better, ↓ lower is better\n", ""),
        ("scan nowhere --out a.parquet 2>&-", 2, "", ""),
        ("paint 2> /dev/full", 2, "", ""),
    ],
)
def test_a_stream_that_takes_nothing(tmp_path, command, code, printed, error):
    assert shell(f"$0 -m dsd {command}", tmp_path) == (code, printed, error)


def test_an_encoding_that_lacks_characters(tmp_path):
    code, printed, error = shell("$0 -m dsd metrics | tail -1", tmp_path, PYTHONIOENCODING="ascii")
    assert (code, printed, error) == (0, r"\u2191 higher is better, \u2193 lower is better" + "\n", "")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (r"$0 -m dsd $'a\nb\e[2J'", r"invalid choice: 'a\nb\x1b[2J'"),
        (r"$0 -m dsd metrics $'a\nb\e[2J'", r"unrecognized arguments: a\nb\x1b[2J"),
        (
            r"$0 -m dsd scan $'a\nb\e[2J' --out a.parquet",
            r"dsd scan: no folder a\nb\x1b[2J: looked at a\nb\x1b[2J and ",
        ),
        (r"$0 -m dsd data convert live $'\xff'", r"dsd data convert live: no folder \udcff: looked at \udcff and "),
    ],
)
def test_what_was_typed_is_on_one_line(tmp_path, command, message):
    code, _, error = shell(command, tmp_path)
    assert code == 2
    assert error.splitlines()[-1].count(message) == 1


def test_a_pipe_that_does_not_block_is_waited_for(monkeypatch):
    """As of a parent process that reads other things too."""
    text = "line\n" * 50_000
    monkeypatch.setattr("dsd.cli.metrics.run", lambda options: print(text) or 0)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(reader) as pipe, ThreadPoolExecutor() as pool:
        with os.fdopen(writer, "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            monkeypatch.setattr(sys, "__stdout__", stream)
            printed = pool.submit(lambda: (time.sleep(0.2), pipe.read())[1])
            assert main(["metrics"]) == 0
        assert printed.result() == f"{text}\n"


def full():
    return open("/dev/full", "w")  # noqa: PTH123


def left():
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def closed():
    return nullcontext()


@pytest.mark.parametrize(
    ("output", "errors", "code"),
    [(left, None, 0), (full, None, 2), (closed, None, 0), (None, full, 0), (None, closed, 0), (full, full, 2)],
)
def test_scores_are_written_whatever_becomes_of_what_is_printed(tmp_path, monkeypatch, output, errors, code):
    for name in ("sharp/0.png", "sharp/1.png", "noisy/0.png", "noisy/1.png"):
        save(tmp_path / name, 1)
    folders = ["--reference", str(tmp_path / "sharp"), "--distorted", str(tmp_path / "noisy")]
    with ExitStack() as opened:
        for name, make in (("stdout", output), ("stderr", errors)):
            if make is not None:
                stream = opened.enter_context(make())
                monkeypatch.setattr(sys, name, stream)
                monkeypatch.setattr(sys, f"__{name}__", stream)
        assert main(["score", *folders, "--metrics", "psnr", "--out", str(tmp_path / "scores.csv")]) == code
    assert (tmp_path / "scores.csv").read_bytes() == b"image,psnr\r\n0.png,inf\r\n1.png,inf\r\n"
    assert [path.name for path in tmp_path.iterdir() if "scores" in path.name] == ["scores.csv"]
