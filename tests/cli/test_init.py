"""What all commands share: their start, exit codes, Ctrl-C."""

import os
import signal
import subprocess
import sys

import pytest

import dsd
from dsd.cli import main

HEAVY = {"torch", "torchvision", "numpy", "pandas", "pyarrow", "PIL", "tqdm", "scipy", "matplotlib", "ray"}
START = """
import sys
from dsd.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(code, *sys.modules, file=sys.stderr)
"""

SCORE = ["score", "--reference", ".", "--distorted", "."]
SCAN = ["scan", ".", "--out", "a.parquet"]
TRAIN = ["train", "lite"]


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        (["--help"], 0, "collections without any"),
        (["--version"], 0, f"dsd {dsd.__version__}\n"),
        (["metrics"], 0, "higher is better"),
        (["score", "--help"], 0, "vgg19, lite"),
        (["scan", "--help"], 0, "--shard-size"),
        ([*TRAIN, "--help"], 0, "--steps"),
        (["data", "convert", "live", "--help"], 0, "FOLDER"),
        (["restore", "--help"], 0, "--tile"),
        (["evaluate", "--help"], 0, "--hr"),
        (["train", "sr", "--help"], 0, "--set"),
        (["restore", "nowhere", "--out", "out"], 2, "no file or folder nowhere"),
        (["evaluate", "--sr", "nowhere"], 2, "no folder nowhere"),
        (["train", "deblur", "nowhere.yaml", "--out", "run"], 2, "no file nowhere.yaml"),
        (["paint"], 2, "invalid choice: 'paint'"),
        (["data", "convert"], 2, "DATA"),
        (["score", "--reference", "."], 2, "--distorted"),
        ([*SCORE, "--metrics", "ssmi"], 2, "unknown metric ssmi; valid ones"),
        ([*SCORE, "--backbone", "vgg11"], 2, "unknown backbone 'vgg11'"),
        (["score", "--reference", ".", "--distorted", "nowhere"], 2, "no file or folder nowhere"),
        ([*SCAN, "--backbone", "vgg11"], 2, "unknown backbone 'vgg11'"),
        ([*SCORE, "--precision", "foo"], 2, "precision must be one of float32, bfloat16; got 'foo'"),
        ([*SCORE, "--device", "foo"], 2, "device must be auto, cpu, cuda or mps, got 'foo'"),
        ([*SCORE, "--weights", "nowhere"], 2, "no weight file at nowhere"),
        ([*SCORE, "--layers", ""], 2, "--layers must be names separated by commas, got ''"),
        ([*SCORE, "--alphas", ""], 2, "--alphas must be numbers separated by commas, got ''"),
        ([*SCORE, "--alphas", "abc"], 2, "--alphas must be numbers separated by commas, got 'abc'"),
        ([*SCORE, "--alphas", "0.5"], 2, "alpha must be a finite number of at least 1, got 0.5"),
        ([*SCORE, "--metrics", "psnr", "--layers", "x"], 2, "none of psnr has layers, got --layers x"),
        ([*SCORE, "--metrics", "perceptual", "--alphas", "2"], 2, "none of perceptual has alphas that can be changed"),
        ([*SCAN, "--precision", "foo"], 2, "precision must be one of float32, bfloat16; got 'foo'"),
        ([*SCAN, "--device", "foo"], 2, "device must be auto, cpu, cuda or mps, got 'foo'"),
        ([*SCAN, "--weights", "nowhere"], 2, "no weight file at nowhere"),
        ([*SCAN, "--layers", ""], 2, "--layers must be names separated by commas, got ''"),
        ([*SCAN, "--alphas", "0.5"], 2, "alpha must be a finite number of at least 1, got 0.5"),
        ([*TRAIN, "--device", "foo"], 2, "device must be auto, cpu, cuda or mps, got 'foo'"),
        ([*TRAIN, "--weights", "nowhere"], 2, "no weight file at nowhere"),
        (["scan", ".", "--out", "a.csv"], 2, "the table must end in .parquet"),
        (["scan", "nowhere", "--out", "a.parquet"], 2, "no folder nowhere"),
        ([*TRAIN, "--start", "nowhere"], 2, "no file nowhere"),
        (["data", "convert", "vgg19", "nowhere", "out.pth"], 2, "no file nowhere"),
        (["data", "convert", "live", "nowhere"], 2, "no folder nowhere"),
    ],
)
def test_starts_without_what_is_heavy(tmp_path, arguments, code, output):
    run = subprocess.run([sys.executable, "-c", START, *arguments], cwd=tmp_path, capture_output=True, text=True)
    *errors, last = run.stderr.splitlines()
    was, *modules = last.split()
    assert (int(was), HEAVY & set(modules)) == (code, set())
    assert output in run.stdout + "\n".join(errors)


def test_module_is_the_command():
    run = subprocess.run([sys.executable, "-m", "dsd", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == f"dsd {dsd.__version__}\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        *((error("what was wrong"), "what was wrong") for error in (ValueError, OSError, FloatingPointError)),
        (ModuleNotFoundError("no module"), "no module"),
        (MemoryError(), "MemoryError"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "CUDA out of memory. Tried to allocate 2 GiB"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "DefaultCPUAllocator: can't allocate memory"),
        (ValueError("\x1b[2J\n  1. do this\n  2. \x07"), "\\x1b[2J\n  1. do this\n  2. \\x07"),  # its own lines stay
    ],
    ids=repr,
)
def test_errors_that_are_the_users_are_a_line(monkeypatch, capsys, error, line):
    def fail(options):
        raise error

    monkeypatch.setattr("dsd.cli.metrics.run", fail)
    assert main(["metrics"]) == 2
    assert capsys.readouterr().err == f"dsd metrics: {line}\n"


@pytest.mark.parametrize("error", [KeyError("bug"), RuntimeError("size of tensor a must match")], ids=repr)
def test_other_errors_are_bugs_and_stay(monkeypatch, error):
    def fail(options):
        raise error

    monkeypatch.setattr("dsd.cli.metrics.run", fail)
    with pytest.raises(type(error), match=r"bug|size of tensor"):
        main(["metrics"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("error", [None, RecursionError])
def test_ctrl_c_and_sigterm_are_a_line_whatever_comes_of_it(monkeypatch, capsys, number, code, error):
    """A library that was interrupted while it was imported may raise something else."""

    def interrupt(options):
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt as interrupt:
            raise (error or KeyboardInterrupt) from interrupt

    monkeypatch.setattr("dsd.cli.metrics.run", interrupt)
    before = signal.getsignal(number)
    assert main(["metrics"]) == code
    assert capsys.readouterr().err == "dsd metrics: interrupted\n"
    assert signal.getsignal(number) is before


def test_a_training_that_sigterm_has_stopped_says_how_to_go_on(monkeypatch, capsys):
    """Its loop ends the step and writes a checkpoint before it exits."""

    def stop(options):
        raise SystemExit(143)

    monkeypatch.setattr("dsd.cli.metrics.run", stop)
    assert main(["metrics"]) == 143
    assert capsys.readouterr().err == "dsd metrics: interrupted\n"


TWICE = """
import os, signal, sys
from dsd.cli import main, metrics
def run(options):
    for number in sys.argv[2:]:
        try:
            os.kill(os.getpid(), int(number))
        except KeyboardInterrupt:
            pass
    print("not reached", flush=True)
metrics.run = run
main(sys.argv[1:2])
"""


def test_a_second_ctrl_c_ends_at_once():
    run = subprocess.run([sys.executable, "-c", TWICE, "metrics", "2", "2"], capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGINT, b"", b"")


AFTER = """
import os, signal, sys
from dsd.cli import main
main()
os.kill(os.getpid(), signal.SIGINT)
"""


def test_ctrl_c_while_the_interpreter_ends_shows_no_traceback():
    run = subprocess.run([sys.executable, "-c", AFTER, "--version"], capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (-signal.SIGINT, b"")


def test_leaves_an_ignored_ctrl_c_ignored(monkeypatch):
    """So that a job in the background goes on."""

    def interrupt(options):
        os.kill(os.getpid(), signal.SIGINT)
        return 0

    monkeypatch.setattr("dsd.cli.metrics.run", interrupt)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert main(["metrics"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)
