"""The generators: SRResNet, and xSRResNet with xUnit activations; ×4 for super-resolution, else ×1."""

import math
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from dsd.checks import check_choice, check_images, check_integer

Activation = Literal["relu", "xunit"]
WIDTH = 64  # channels
SLOPE = 0.1  # of the leaky ReLUs


class SRResNet(nn.Module):
    """A residual network whose output is added to the input, enlarged bilinearly: (N, 3, H, W) → (N, 3, s·H, s·W).

    A 5×5 convolution; residual blocks of two 3×3 convolutions without bias, one activation between them; for each
    factor of 2 a convolution and a pixel shuffle; a 3×3 and a 5×5 convolution. 64 channels, leaky ReLUs (0.1) outside
    the blocks, no batch normalisation, weights drawn by Kaiming's rule: as in the authors' public code.

    | network | parameters |
    |---|---|
    | SRResNet, 5 blocks (``activation="relu"``) | 710,659 |
    | xSRResNet, 5 blocks | 726,659 |
    | xSRResNet, 10 blocks (the paper's main network) | 1,111,299 |

    Args:
        blocks: residual blocks, at least 1.
        activation: inside a block: ``"xunit"`` (the paper's xSRResNet) or ``"relu"`` (SRResNet).
        scale: s: 1 (deblurring, denoising), 2 or 4.

    Raises:
        ValueError: fewer blocks, another activation or scale.

    Reference:
        Kligvasser et al., NeurIPS 2021, Sec. 4. Ledig et al., Photo-realistic single image super-resolution using a
        generative adversarial network, CVPR 2017. Kligvasser, Rott Shaham, Michaeli: xUnit: learning a spatial
        activation function for efficient image restoration, CVPR 2018.

    Example:
        >>> import torch
        >>> SRResNet(blocks=2)(torch.rand(1, 3, 12, 20)).shape
        torch.Size([1, 3, 48, 80])
    """

    reach: int
    """Pixels of the input, to each side, that an output pixel can depend on."""

    def __init__(self, blocks: int = 5, *, activation: Activation = "xunit", scale: int = 4) -> None:
        super().__init__()
        check_integer(blocks, "blocks", 1)
        check_choice(activation, "activation", get_args(Activation))
        if check_integer(scale, "scale", 1) not in (1, 2, 4):
            raise ValueError(f"scale must be 1, 2 or 4, got {scale}")
        self.scale = scale
        self.form = {"blocks": blocks, "activation": activation, "scale": scale}  # what makes another one like it
        self.stem = nn.Sequential(nn.Conv2d(3, WIDTH, 5, padding=2), nn.LeakyReLU(SLOPE))
        self.blocks = nn.Sequential(*(_Block(activation) for _ in range(blocks)))
        stages = [_enlarge() for _ in range(scale.bit_length() - 1)]
        block = 5 if activation == "xunit" else 2
        self.reach = math.ceil(2 + blocks * block + sum(0.5**k for k in range(len(stages))) + 3 / scale)
        self.head = nn.Sequential(
            *stages,
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(WIDTH, 3, 5, padding=2),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Restore images.

        Args:
            x: degraded images, float (N, 3, H, W) in [0, 1]; a little overshoot, as of bicubic downscaling, will do.

        Returns:
            (N, 3, s·H, s·W), not clipped.

        Raises:
            TypeError: `x` is no tensor.
            ValueError: `x` is not an image batch, or not where the network is.
        """
        check_images(x, "x", device=next(self.parameters()).device, check_values=False)
        skip = x if self.scale == 1 else F.interpolate(x, scale_factor=self.scale, mode="bilinear")
        return skip + self.head(self.blocks(self.stem(x - 0.5)))


class XUnit(nn.Module):
    """xUnit: x · sigmoid(d(x)), where d is a 7×7 convolution of each channel by itself.

    Example:
        >>> import torch
        >>> XUnit(64)(torch.rand(1, 64, 9, 9)).shape
        torch.Size([1, 64, 9, 9])
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(width, width, 7, padding=3, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh each position of each channel by what is around it."""
        return x * self.weigh(x).sigmoid()


class _Block(nn.Module):
    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            XUnit(WIDTH) if activation == "xunit" else nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def _enlarge() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(WIDTH, 4 * WIDTH, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(SLOPE))
