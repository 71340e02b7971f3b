"""Nearest fingerprints of a large collection: exact L1, and L1 of a shortlist of 200 that usearch finds.

The fingerprints are simulated: matrices of 128 channels, as ReLU2_1 has. Each is a weighted sum of 64 rank-one matrices
l lᵀ, the same for all, with skewed l ≥ 0 (gamma, shape 0.5). Its weights are those of one of 1000 clusters (normal),
each times a log-normal factor (σ = 0.3), all times another one (σ = 0.5), as contrast has. Queries are further draws.

Seconds are of the processor, so that other processes on it count less. Memory is the largest rise of anonymous memory;
pages of mapped files, which the system takes back when it needs them, are not in it.

python benchmarks/neighbours.py [--images 10000 100000] [--queries 10]
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _measure import write

from dsd.data.files import file_digest
from dsd.scan.fingerprint_files import graph_file
from dsd.scan.fingerprints import l1_distances
from dsd.scan.neighbours import Index, nearest
from dsd.scan.shortlist import shortlist

CHANNELS, PARTS, CLUSTERS, AT_ONCE = 128, 64, 1000, 2000


def simulate(count: int, random: np.random.Generator, basis: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Fingerprints, float16 (count, entries)."""
    weights = clusters[random.integers(len(clusters), size=count)]
    weights = weights * random.lognormal(0, 0.3, weights.shape) * random.lognormal(0, 0.5, (count, 1))
    return (weights.astype(np.float32) @ basis).astype(np.float16)


def anonymous_mib() -> float:
    """Resident memory of this process that is no file's (Linux)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) / 1024


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds of some work, and by how many MiB anonymous memory rose meanwhile."""
    before, done = anonymous_mib(), threading.Event()
    peaks = [before]

    def watch() -> None:
        while not done.wait(0.02):
            peaks.append(anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    done.set()
    watcher.join()
    return seconds, max(peaks) - before


def compare(count: int, queries: int, folder: Path) -> list[dict[str, object]]:
    """Build a shortlist for so many fingerprints, and search both ways."""
    random = np.random.default_rng(0)
    i, j = np.triu_indices(CHANNELS)
    loadings = random.gamma(0.5, 1, (PARTS, CHANNELS))
    basis = (loadings[:, i] * loadings[:, j]).astype(np.float32)
    clusters = random.normal(size=(CLUSTERS, PARTS))
    place = folder / f"{count}.npy"
    file = np.lib.format.open_memmap(place, "w+", np.float16, (count, basis.shape[1]))
    for start in range(0, count, AT_ONCE):
        file[start : start + AT_ONCE] = simulate(min(AT_ONCE, count - start), random, basis, clusters)
    file.flush()
    wanted = simulate(queries, random, basis, clusters)
    index = Index(np.load(place, mmap_mode="r"), [], {"sha256": file_digest(place)}, place)
    exact: list[set[int]] = []
    short: list[set[int]] = []

    def search() -> None:
        exact.extend(set(nearest(l1_distances(index.rows, query)[0], 10)) for query in wanted[:, None])

    def search_shortlist() -> None:
        for query in wanted[:, None]:
            some = shortlist(index, query)
            short.append(set(some[nearest(l1_distances(index.rows[some], query)[0], 10)]))

    build = measured(lambda: shortlist(index, wanted[:1]))
    of_exact, of_short = measured(search), measured(search_shortlist)
    recall = np.mean([len(a & b) / 10 for a, b in zip(exact, short, strict=True)])
    graph = graph_file(place, index.about["sha256"])
    size = graph.stat().st_size / 2**20
    graph.unlink()
    place.unlink()
    what = {"build the shortlist": build, "exact query": of_exact, "query with the shortlist": of_short}
    times = dict(zip(what, (1, queries, queries), strict=True))
    rows: list[dict[str, object]] = [
        {"what": name, "images": count, "cpu_seconds": seconds / times[name], "memory_MiB": memory}
        for name, (seconds, memory) in what.items()
    ]
    rows[0]["file_MiB"] = size
    rows[2] |= {"recall_at_10": recall, "times_faster": of_exact[0] / of_short[0]}
    return rows


def main() -> None:
    """Measure, print and write neighbours.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=10)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.images:
            rows += compare(count, options.queries, Path(folder))
            write(__file__, rows)


if __name__ == "__main__":
    main()
