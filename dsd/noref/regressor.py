"""ψ: the network that predicts ‖DSD_α(x)‖₁ of each layer from x↓α."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd import paper
from dsd.backbones.weights import fill, read_about, read_state
from dsd.checks import check_images

LAYERS = tuple(paper.NO_REFERENCE["layers"])  # whose norms it predicts
WIDTHS = (32, 32, 64, 64, 128, 128)  # of its stages, two blocks each
SLOPE = 0.1  # of its leaky ReLUs


class Regressor(nn.Module):
    """ψ of Eq. 5: x↓α → a prediction of ‖DSD_α(x)‖₁ at ReLU1_2, 2_1, 2_2 and 3_1.

    A 5×5 convolution; six stages of two residual blocks, of 32, 32, 64, 64, 128 and 128 channels, the first of each but
    the first stage of stride 2; the mean over positions; two linear layers. As in the authors' public code, blocks have
    batch normalisation, the second of which begins at 0, and squeeze-and-excitation on the shortcut, one for both
    blocks of a stage. 1.5 million parameters. Images of any size will do; it is trained on 80×80 ones.

    `mean` and `deviation` are of the training's targets: inside, it works in their units.

    Reference:
        Kligvasser et al., NeurIPS 2021, Sec. 3.5. Hu et al., Squeeze-and-excitation networks, CVPR 2018.

    Example:
        >>> Regressor()(torch.rand(2, 3, 40, 60)).shape
        torch.Size([2, 4])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(LAYERS)))
        self.register_buffer("deviation", torch.ones(len(LAYERS)))
        self.stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 5, padding=2, bias=False), nn.BatchNorm2d(WIDTHS[0]))
        inputs = (WIDTHS[0], *WIDTHS)
        self.stages = nn.ModuleList(
            _Stage(inputs[k], width, stride=1 if k == 0 else 2) for k, width in enumerate(WIDTHS)
        )
        self.head = nn.Sequential(nn.Linear(WIDTHS[-1], 32), nn.LeakyReLU(SLOPE), nn.Linear(32, len(LAYERS)))

    def forward(self, x: Tensor) -> Tensor:
        """Predict ‖DSD_α‖₁ of the images of which `x` is the downscaled version.

        Args:
            x: x↓α, float (N, 3, H, W).

        Returns:
            (N, 4), a column for each of `LAYERS`.

        Raises:
            TypeError: `x` is no tensor.
            ValueError: `x` is not an image batch, or not where the network is.
        """
        check_images(x, "x", device=self.mean.device, check_values=False)
        return self.mean + self.deviation * self.standardised(x)

    def standardised(self, x: Tensor) -> Tensor:
        """The same in units of the training's targets: with mean 0 and standard deviation 1, (N, 4)."""
        x = F.leaky_relu(self.stem(x - 0.5), SLOPE)
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean(dim=(2, 3)))


class _Stage(nn.Module):
    """Two residual blocks that share squeeze-and-excitation of their shortcuts."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([_residual(inputs, width, stride), _residual(width, width, 1)])
        self.project = nn.Conv2d(inputs, width, 1, stride, bias=False) if stride > 1 else nn.Identity()
        self.excite = nn.Sequential(
            nn.Linear(width, width // 4), nn.LeakyReLU(SLOPE), nn.Linear(width // 4, width), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        for block, shortcut in zip(self.blocks, (self.project, nn.Identity()), strict=True):
            residual, x = block(x), shortcut(x)
            x = F.leaky_relu(residual + x * self.excite(x.mean(dim=(2, 3)))[:, :, None, None], SLOPE)
        return x


def _residual(inputs: int, width: int, stride: int) -> nn.Sequential:
    last = nn.BatchNorm2d(width)
    nn.init.zeros_(last.weight)
    return nn.Sequential(
        nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        last,
    )


def load_regressor(path: str | Path) -> tuple[Regressor, dict[str, Any]]:
    """Read what `dsd train noref` wrote.

    Args:
        path: a .safetensors file.

    Returns:
        ψ, frozen and in evaluation mode, and what is known of it: `alpha`, `backbone`, `weights_sha256`, … .

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or no such network.
    """
    path = Path(path)
    state, digest = read_state(path)
    about = read_about(path)
    if missing := {"alpha", "backbone", "weights_sha256", "side"} - about.keys():
        raise ValueError(
            f"{path} does not say of which {', '.join(sorted(missing))} it is: no file of `dsd train noref`"
        )
    network = Regressor()
    fill(parameters_of(network), state, str(path), "regressor")
    return network.requires_grad_(False).eval(), {**about, "regressor": path.name, "regressor_sha256": digest}


def parameters_of(network: Regressor) -> Mapping[str, Tensor]:
    """Everything that a file of weights holds: parameters, and the statistics of batch normalisation and targets."""
    return {key: value for key, value in network.state_dict(keep_vars=True).items() if value.is_floating_point()}
