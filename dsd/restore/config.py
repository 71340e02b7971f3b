"""The settings of a training run, typed and checked before any work begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from dsd.backbones.base import Precision
from dsd.checks import check_choice, check_integer, check_number, is_number
from dsd.restore.networks import Activation
from dsd.restore.noisy import NOISE_STD
from dsd.restore.shaken import Blur

Task = Literal["sr", "deblur", "denoise"]
Schedule = Literal["halved", "cosine"]
Layout = Literal["folders", "div2k", "reds"]
Like8 = Literal["matlab-8bit", "selfexsr"]  # of 8 bits, as crops are kept
DISTRIBUTIONS = ("cx", "pdl", "style", "mss", "dsd")  # losses that take the place of L_DSD in Eq. 6
OPTIONS = {  # what each loss takes beside its weight
    "rec": (),
    "per": ("layers", "backbone"),
    "cx": ("layers", "backbone", "bandwidth", "offset"),
    "pdl": ("layers", "backbone", "p"),
    "style": ("layers", "backbone", "alphas"),
    "mss": ("layers", "backbone", "alphas"),
    "dsd": ("layers", "backbone", "alphas"),
}


@dataclass(frozen=True)
class NetworkConfig:
    """The generator: see :class:`dsd.restore.networks.SRResNet`."""

    blocks: int = 5
    activation: Activation = "xunit"
    scale: int = 4

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        check_integer(self.blocks, "network.blocks", 1)
        check_choice(self.activation, "network.activation", get_args(Activation))
        if self.scale not in (1, 2, 4) or isinstance(self.scale, bool | float):
            raise ValueError(f"network.scale must be 1, 2 or 4, got {self.scale!r}")


@dataclass(frozen=True)
class DataConfig:
    """What is learned from."""

    layout: Layout = "folders"
    """How files lie: ``"folders"``; ``"div2k"`` or ``"reds"``, as published: then `images` are folders that hold
    ``DIV2K_train_HR`` or ``train_sharp``."""
    images: Sequence[str] = ("bsds500/train", "bsds500/test")
    """Folders of clean photographs; ``"embedded"`` are scikit-image's."""
    degraded: Sequence[str] = ()
    """Folders of their degraded versions, files of the same names, one for each folder of `images`. Empty: they are
    made here, low-resolution ones as `like` says, blurred ones as `blur` says, noisy ones as `noise_std` says."""
    keep: bool = True
    """Decode all files at once and keep them in memory; false: read them for each crop."""
    like: Like8 = "matlab-8bit"
    """How low-resolution images are made."""
    blur: Blur = "shake"
    """How blurred images are made: ``"shake"``, by a random path of the camera; ``"frames"``, the mean of frames."""
    noise_std: float = NOISE_STD
    """Of noisy images: standard deviation of the noise, in values from 0 to 1."""
    misaligned: int = 0
    """Of noisy images: how far away their clean crops may be in each direction, in pixels."""
    margin: int | None = None
    """Of noisy images: pixels between their crops and the photograph's borders, at least `misaligned`; null: as
    many."""
    side: int = 64
    """Of a clean crop, in pixels."""
    batch: int = 8
    """Crops in a step, of all processes together."""
    pool: int | None = None
    """Crops of a photograph in a fixed pool, whose targets are encoded once and kept in memory; null: always new
    crops."""
    noise: bool = False
    """Spread 8-bit values over their width, (255·x + U[0, 1]) / 256, as the authors do."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        check_choice(self.layout, "data.layout", get_args(Layout))
        _check_texts(self.images, "data.images", 1)
        _check_texts(self.degraded, "data.degraded", 0)
        if self.degraded and self.layout != "folders":
            raise ValueError(f"data.degraded must be empty for the layout {self.layout}, which has its own")
        if self.degraded and len(self.degraded) != len(self.images):
            raise ValueError(
                f"data.degraded must have a folder for each of data.images, got {len(self.degraded)} for "
                f"{len(self.images)}"
            )
        check_choice(self.like, "data.like", get_args(Like8))
        check_choice(self.blur, "data.blur", get_args(Blur))
        if check_number(self.noise_std, "data.noise_std") > 1:
            raise ValueError(f"data.noise_std must be at most 1, as values are from 0 to 1; got {self.noise_std!r}")
        check_integer(self.misaligned, "data.misaligned", 0)
        if self.margin is not None:
            check_integer(self.margin, "data.margin", self.misaligned)
        check_integer(self.side, "data.side", 1)
        check_integer(self.batch, "data.batch", 1)
        if self.pool is not None:
            check_integer(self.pool, "data.pool", 1)
        for name in ("keep", "noise"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"data.{name} must be true or false, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class ValidationConfig:
    """What is measured while training."""

    images: str = ""
    """Folder of clean images; "" for no validation."""
    count: int = 5
    """How many of them, the first ones."""
    every: int = 1000
    """Steps from one validation to the next."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        if not isinstance(self.images, str):
            raise ValueError(f"validation.images must be a folder's name, got {self.images!r}")
        check_integer(self.count, "validation.count", 1)
        check_integer(self.every, "validation.every", 1)


@dataclass(frozen=True)
class Config:
    """A training run. Every value has a default but the losses' weights.

    Example:
        >>> from dsd.restore.config_files import parse_config
        >>> config = parse_config({"losses": {"rec": {"weight": 1}}, "steps": 100})
        >>> config.network.blocks, config.data.side
        (5, 64)
    """

    losses: Mapping[str, Mapping[str, Any]]
    """{rec, per, cx, pdl, style, mss, dsd: {weight, layers, alphas, …}}. The weight of a distribution loss may be
    ``"balanced"``."""
    task: Task = "sr"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    steps: int = 300_000
    rate: float = 2e-4
    """Adam's learning rate, at its highest."""
    betas: Sequence[float] = (0.9, 0.99)
    """Adam's."""
    schedule: Schedule = "halved"
    """``"halved"`` after 30, 60 and 90 % of the steps, the paper's; or ``"cosine"``: up for 1 %, then down to 0."""
    average: float = 0.999
    """Decay of the moving average of weights, which is what is written in the end; 0: the last weights."""
    clip: float | None = None
    """The gradient's largest norm."""
    precision: Precision = "float32"
    """Of the generator and of the losses' networks."""
    backbone: str = "vgg19"
    """Of the losses, where a loss does not name its own."""
    weights: str = "auto"
    """The backbone's."""
    balance: int = 50
    """Batches over which a ``"balanced"`` weight makes its term equal to the perceptual one on average."""
    start: str | None = None
    """A model to begin with, of the same network: ``"l1"``, which comes along, or a file."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        check_choice(self.task, "task", get_args(Task))
        if (self.network.scale > 1) != (self.task == "sr"):
            raise ValueError(
                f"network.scale must be 2 or 4 for sr and 1 for deblur and denoise, got {self.network.scale}"
            )
        if self.data.side % self.network.scale:
            raise ValueError(
                f"data.side must be a multiple of network.scale, {self.network.scale}; got {self.data.side}"
            )
        if (self.data.misaligned or self.data.margin) and (self.task != "denoise" or self.data.degraded):
            raise ValueError("data.misaligned and data.margin must be 0 but for denoise without data.degraded")
        if {"div2k": "sr", "reds": "deblur"}.get(self.data.layout, self.task) != self.task:
            raise ValueError(f"data.layout {self.data.layout} is not for {self.task}")
        check_integer(self.steps, "steps", 1)
        if not check_number(self.rate, "rate"):
            raise ValueError("rate must be above 0, got 0")
        if not _are(self.betas, 2) or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers from 0 to below 1, got {self.betas!r}")
        check_choice(self.schedule, "schedule", get_args(Schedule))
        if not 0 <= check_number(self.average, "average") < 1:
            raise ValueError(f"average must be below 1, got {self.average!r}")
        if self.clip is not None and not check_number(self.clip, "clip"):
            raise ValueError("clip must be above 0, got 0")
        check_choice(self.precision, "precision", get_args(Precision))
        for name in ("backbone", "weights"):
            _check_texts([getattr(self, name)], name, 1)
        if self.start is not None:
            _check_texts([self.start], "start", 1)
        check_integer(self.balance, "balance", 1)
        check_integer(self.seed, "seed", 0)
        self._check_losses()

    def _check_losses(self) -> None:
        if not isinstance(self.losses, Mapping) or not self.losses:
            raise ValueError(f"losses must name at least one of {', '.join(OPTIONS)}; got {self.losses!r}")
        for name, options in self.losses.items():
            if name not in OPTIONS:
                raise ValueError(f"there is no loss {name!r}; there are {', '.join(OPTIONS)}")
            if not isinstance(options, Mapping) or "weight" not in options:
                raise ValueError(f"losses.{name} must have a weight, as in {name}: {{weight: 1}}; got {options!r}")
            refuse_unknown(options, ("weight", *OPTIONS[name]), f"losses.{name}.")
            weight = options["weight"]
            if weight == "balanced":
                if name not in DISTRIBUTIONS or "per" not in self.losses:
                    raise ValueError(
                        f"losses.{name}.weight cannot be balanced: only {', '.join(DISTRIBUTIONS)} can, against per"
                    )
            elif not (is_number(weight) and weight >= 0):
                also = " or balanced" if name in DISTRIBUTIONS else ""
                raise ValueError(f"losses.{name}.weight must be a number of at least 0{also}, got {weight!r}")
        if len(both := [name for name in self.losses if name in DISTRIBUTIONS]) > 1:
            raise ValueError(f"losses must have one of {', '.join(DISTRIBUTIONS)} at most, got {', '.join(both)}")


def refuse_unknown(values: Mapping[str, Any], valid: Sequence[str], place: str) -> None:
    """Refuse names that are not valid; `place` stands before them in the message."""
    if unknown := [str(name) for name in values if name not in valid]:
        raise ValueError(f"unknown {place}{unknown[0]}; valid ones: {', '.join(valid)}")


def _check_texts(values: Sequence[str], name: str, least: int) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) < least:
        raise ValueError(f"{name} must be a list of at least {least} names, got {values!r}")
    if wrong := [value for value in values if not isinstance(value, str) or not value]:
        raise ValueError(f"{name} must be of text, got {wrong[0]!r}")


def _are(values: Sequence[float], count: int) -> bool:
    return isinstance(values, list | tuple) and len(values) == count and all(map(is_number, values))
