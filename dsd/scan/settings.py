"""What a scan is asked for: checked here, before anything heavy is imported."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsd.backbones.base import Precision

ENGINES = ("local", "ray")
# Above these the machine, and not a check, would end a scan. Images have 120 million pixels at most.
MOST = {"resize": 10_000, "crop": 10_000, "batch_size": 65_536, "threads": 1024, "workers": 1024}


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a scan, to the last bit: it is kept with them, and goes on only with the same.

    Args:
        layers: as for :func:`dsd.backbones.load_backbone`, like `backbone`, `weights`, `precision` and `device`.
        alphas: scaling factors.
        resize: pixels that the short side is first brought to; None leaves it.
        crop: side of the square that is cut from the centre; None leaves images at their own size.
        batch_size: images that go through the network together, where they have one size.
        shard_size: images of a unit.
        threads: of torch, in this process from then on and in each of Ray's: rounding depends on their number. None: as
            many as torch has.
        fingerprints: keep each image's DSD matrix, see :mod:`dsd.scan.fingerprint_files`; of one layer and one alpha.

    Raises:
        ValueError: a number is not what it must be, or fingerprints would be of several layers or alphas.
    """

    layers: Sequence[str] = ("relu3_1",)
    alphas: Sequence[float] = (2,)
    backbone: str = "vgg19"
    weights: str = "auto"
    precision: "Precision" = "float32"
    device: str = "auto"
    resize: int | None = 256
    crop: int | None = 224
    batch_size: int = 32
    shard_size: int = 1024
    threads: int | None = None
    fingerprints: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("resize", "crop", "batch_size", "shard_size", "threads"):
            if (value := getattr(self, name)) is not None:
                _check_number(name, value, least=1)
        if self.resize is not None and self.crop is not None and self.crop > self.resize:
            raise ValueError(f"crop must not exceed resize, got crop={self.crop} and resize={self.resize}")
        if self.fingerprints and (len(self.layers), len(self.alphas)) != (1, 1):
            layers, alphas = ", ".join(self.layers), ", ".join(f"{alpha:g}" for alpha in self.alphas)
            raise ValueError(f"fingerprints are of one layer and one alpha, got layers {layers} and alphas {alphas}")


def check_run(out: Path, engine: str, workers: int) -> None:
    """Refuse what :func:`dsd.scan.collection.scan` cannot do, whatever the settings.

    Raises:
        ValueError: the table's suffix, the engine or the number of workers is not what it must be.
    """
    if out.suffix != ".parquet":
        raise ValueError(f"the table must end in .parquet, got {out}")
    if engine not in ENGINES:
        raise ValueError(f"engine must be {' or '.join(ENGINES)}, got {engine!r}")
    _check_number("workers", workers, least=0)


def _check_number(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    if value > MOST.get(name, value):
        raise ValueError(f"{name} must be at most {MOST[name]}, got {value}")
