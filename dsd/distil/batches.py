"""What VGG-19 lite sees in each step: crops of photographs, and the same crops distorted."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from dsd.data.distortions import blur, down_up, jpeg
from dsd.data.images import load_image

SHAPES = ((8, 128), (4, 192), (8, 128), (2, 256))  # images in a batch and their side: one after the other


class Batches(Dataset[Tensor]):
    """Item k is the batch of step k + 1, (N, 3, S, S) in [0, 1]: N/2 crops, then each of them distorted.

    Args:
        paths: photographs, which are decoded at once and kept.
        steps: how many batches there are.
        seed: of all that is random.
        rank: number of this process, whose batches are its own.
        count: how many processes there are.
    """

    def __init__(self, paths: Sequence[Path], steps: int, seed: int, rank: int = 0, count: int = 1) -> None:
        quiet = rank > 0
        decoding = tqdm(paths, desc="decoding", unit="image", disable=quiet)
        self.images = [(255 * load_image(path)).byte() for path in decoding]
        self.steps, self.seed, self.rank, self.count = steps, seed, rank, count

    def __len__(self) -> int:
        """Count the steps."""
        return self.steps

    def __getitem__(self, index: int) -> Tensor:
        """Make one batch: the same whenever it is asked for."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index * self.count + self.rank)
        images, side = SHAPES[index % len(SHAPES)]
        crops = [self._crop(side, generator) for _ in range(images // 2)]
        return torch.stack(crops + [_distorted(x, generator) for x in crops])

    def _crop(self, side: int, generator: torch.Generator) -> Tensor:
        """A square of any size and place, brought to `side` pixels; some mirrored, grey, or of another contrast."""
        image = self.images[int(torch.randint(len(self.images), (), generator=generator))]
        size, top, left, mirror, grey, contrast = torch.rand(6, generator=generator).tolist()
        height, width = image.shape[1:]
        smallest = min(0.7 * side, height, width)
        length = round(smallest * (min(height, width) / smallest) ** size)
        top, left = round(top * (height - length)), round(left * (width - length))
        x = image[:, top : top + length, left : left + length] / 255
        x = F.interpolate(x[None], (side, side), mode="bicubic", antialias=True)[0]
        if mirror < 0.5:
            x = x.flip(2)
        if grey < 0.1:
            x = x.mean(dim=0).expand(3, -1, -1)
        if contrast < 0.3:
            x = x.mean() + (0.4 + 3 * contrast) * (x - x.mean())
        return x.clamp(0, 1)


def _distorted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Blur, noise, JPEG or a lost resolution, from hardly visible to strong."""
    kind = int(torch.randint(4, (), generator=generator))
    amount = torch.rand((), generator=generator).item()
    if kind == 0:
        x = blur(x, 0.4 * 12**amount)
    elif kind == 1:
        x = x + 0.01 * 40**amount * torch.randn(x.shape, generator=generator)
    elif kind == 2:
        x = jpeg(x, round(4 + 76 * amount))
    else:
        x = down_up(x, 1.2 + 3.3 * amount)
    return x.clamp(0, 1)
