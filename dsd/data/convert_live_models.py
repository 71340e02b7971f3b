"""The parameters of NIQE and BRISQUE as their authors' laboratory (LIVE) released them, brought into safetensors."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from dsd.atomic import atomic_write
from dsd.data.files import file_digest

NIQE_SOURCE = "http://live.ece.utexas.edu/research/quality/niqe_release.zip"
BRISQUE_SOURCE = "http://live.ece.utexas.edu/research/quality/BRISQUE_release.zip"


def convert_niqe(parameters: str | Path, out: str | Path) -> Path:
    """Convert NIQE's model.

    Args:
        parameters: ``modelparameters.mat`` of the release.
        out: the file, .safetensors; its folder is made if need be.

    Returns:
        `out`: mean (36,) and covariance (36, 36), float64.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or is no model of NIQE.
        ModuleNotFoundError: SciPy is not installed.
    """
    from scipy.io import loadmat

    path = Path(parameters)
    digest = _digest(path)
    try:
        tables = loadmat(path)
        mean, covariance = tables["mu_prisparam"].reshape(36), tables["cov_prisparam"].reshape(36, 36)
    except Exception as error:  # of damaged files SciPy raises whatever it stumbles over
        raise ValueError(f"{path} must hold NIQE's mu_prisparam (36) and cov_prisparam (36×36): {error}") from error
    return _write(out, {"mean": mean, "covariance": covariance}, NIQE_SOURCE, digest)


def convert_brisque(model: str | Path, ranges: str | Path, out: str | Path) -> Path:
    """Convert BRISQUE's regression.

    Args:
        model: ``allmodel`` of the release, LIBSVM's text of an ε-SVR with RBF kernel.
        ranges: ``allrange`` of the release, svm-scale's text.
        out: the file, .safetensors; its folder is made if need be.

    Returns:
        `out`: low (36,), high (36,), vectors (M, 36), weights (M,), gamma and rho, float64.

    Raises:
        FileNotFoundError: no such file.
        ValueError: one is no such text.
    """
    model, ranges = Path(model), Path(ranges)
    digests = {path.name: digest for path in (model, ranges) for digest in _digest(path).values()}
    try:
        header, _, body = model.read_text().partition("\nSV\n")
        settings = dict(line.split(maxsplit=1) for line in header.splitlines())
        if (settings["svm_type"], settings["kernel_type"]) != ("epsilon_svr", "rbf"):
            raise ValueError(f"it is {settings['svm_type']} with kernel {settings['kernel_type']}")
        lines = [line.split() for line in body.splitlines()]
        if len(lines) != int(settings["total_sv"]):
            raise ValueError(f"{len(lines)} support vectors of {settings['total_sv']}")
        vectors = np.zeros((len(lines), 36))
        for vector, (_, *entries) in zip(vectors, lines, strict=True):
            for index, value in (entry.split(":") for entry in entries):  # what is 0 is left out
                vector[int(index) - 1] = value
        weights = np.array([float(line[0]) for line in lines])
        gamma, rho = (np.array(float(settings[name])) for name in ("gamma", "rho"))
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(f"{model} is no model of BRISQUE: {error}") from error
    try:
        rows = [line.split() for line in ranges.read_text().splitlines()]
        if rows[:2] != [["x"], ["-1", "1"]] or [row[0] for row in rows[2:]] != [str(n) for n in range(1, 37)]:
            raise ValueError("-1 to 1 and the ranges of 36 features are expected")
        low, high = (np.array([float(row[column]) for row in rows[2:]]) for column in (1, 2))
    except (ValueError, IndexError) as error:
        raise ValueError(f"{ranges} holds no ranges of BRISQUE's features: {error}") from error
    tensors = {"low": low, "high": high, "vectors": vectors, "weights": weights, "gamma": gamma, "rho": rho}
    return _write(out, tensors, BRISQUE_SOURCE, digests)


def _digest(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return {path.name: file_digest(path)}


def _write(out: str | Path, tensors: dict[str, np.ndarray], source: str, digests: dict[str, str]) -> Path:
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    about = {"source": source, "sha256": digests}
    with atomic_write(out) as file:
        file.write(save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, {"about": json.dumps(about)}))
    return out
