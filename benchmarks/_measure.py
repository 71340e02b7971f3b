"""How benchmarks measure: interleaved rounds, medians, peak memory of a fresh process."""

import contextlib
import io
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch

from dsd.cli import main as command_line


def interleaved(candidates: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each candidate; every round runs all of them in turn, after one round of warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            candidate()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def matmul_gflops(size: int = 4096, rounds: int = 5) -> float:
    """Rate of a large float32 matrix product on this machine's CPU."""
    a, b = torch.rand(2, size, size)
    return 2 * size**3 / interleaved({"matmul": lambda: a @ b}, rounds)["matmul"] / 1e9


def peak_mib(script: str, *arguments: str) -> float:
    """What :func:`print_peak` prints last in `script`, run with `arguments` in a process of its own."""
    done = subprocess.run([sys.executable, script, *arguments], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def print_peak(candidate: Callable[[], object]) -> None:
    """Print by how many MiB resident memory rises, at most, while `candidate` runs (Linux)."""

    def mib(field: str) -> float:
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(status[field].split()[0]) / 1024

    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = mib("VmRSS")
    candidate()
    print(mib("VmHWM") - before)


def print_peak_of_command(command: list[str]) -> None:
    """:func:`print_peak` of a `dsd` command line, without what it prints itself; one that fails is an error."""

    def run() -> None:
        if code := command_line(command):
            raise RuntimeError(f"dsd {' '.join(command)} ended with {code}")

    with contextlib.redirect_stdout(io.StringIO()) as shown:
        print_peak(run)
    print(shown.getvalue().split()[-1])


def machine() -> str:
    """The processor and what makes bfloat16 fast or slow on it."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        fields = dict(line.split(":", 1) for line in info.read_text().split("\n\n")[0].splitlines() if ":" in line)
        values = {name.strip(): value.strip() for name, value in fields.items()}
        flags = values.get("flags", "").split()
        known = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512f": "AVX-512", "avx2": "AVX2"}
        cpu = f"{values.get('model name', cpu)} ({next((name for flag, name in known.items() if flag in flags), '-')})"
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{cpu}, {torch.get_num_threads()} threads of {os.cpu_count()} cores{gpu}, torch {torch.__version__}"


def write(script: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print the rows and keep them as a CSV beside the script."""
    table = pd.DataFrame(rows).assign(machine=machine())
    print(table.drop(columns="machine").to_string(index=False))
    table.to_csv(Path(script).with_suffix(".csv"), index=False, float_format="%.4g")
