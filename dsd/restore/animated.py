"""Single-image animation: a network that gives the frames of one scene the look of a photograph of another one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from dsd.checks import check_images, check_integer
from dsd.losses import LossSum
from dsd.losses.base import FeatureLoss
from dsd.precision import full_precision
from dsd.restore.networks import SRResNet
from dsd.training import Process, Training

EVERY = 50  # steps from checkpoint to checkpoint


def train_animator(
    frames: Tensor,
    target: Tensor,
    to_target: FeatureLoss,
    to_source: FeatureLoss,
    out: Path,
    *,
    weight: float,
    blocks: int,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
    settings: Mapping[str, Any],
) -> SRResNet:
    r"""Train a network G by Adam on weight · L_target(G(s), t) + L_source(G(s), s), for frames s and one target t.

    It begins as the identity: its last convolution has weights of 0. A run that was stopped goes on where it was. On
    the CPU it ends with the same bits, random positions of the contextual loss included.

    Args:
        frames: s, float (N, 3, H, W) in [0, 1], on the device of the losses' network.
        target: t, (1, 3, H', W').
        to_target: between a result and the target.
        to_source: between a result and its own frame; of one network with `to_target`.
        out: folder of the checkpoint and of the log.
        weight: of `to_target`.
        blocks: of the network, see :class:`.SRResNet`.
        steps: of the whole run.
        batch: frames in a step.
        rate: the learning rate.
        seed: of the network, of the frames in each step, and of random positions.
        settings: what the result depends on besides these numbers, as plain values: a checkpoint of others is refused.

    Returns:
        The network.

    Raises:
        ValueError: frames or target are no images, `batch` is no integer from 1, or the checkpoint is of another run.

    Reference:
        Mechrez et al., "The contextual loss for image transformation with non-aligned data", ECCV 2018.
    """
    check_images(frames, "frames")
    check_images(target, "target")
    numbers = {
        "weight": weight,
        "blocks": blocks,
        "batch": check_integer(batch, "batch", 1),
        "rate": rate,
        "seed": seed,
    }
    total = LossSum({"target": (weight, to_target), "source": (1, to_source)})
    torch.manual_seed(seed)
    network = SRResNet(blocks, activation="relu", scale=1)
    last = network.head[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.zeros_(last.weight)
    network.to(frames.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad(), full_precision():
        look = to_target.encode(target)

    def losses(chosen: tuple[Tensor, ...], step: int) -> dict[str, Tensor]:
        x = frames[chosen[0]]
        with torch.no_grad():
            content = to_source.encode(x)
        torch.manual_seed(seed * 1_000_003 + step)
        _, terms = total(network(x), {"target": look, "source": content})
        return {name: of * terms[name] for name, of in zip(total.names, total.weights, strict=True)}

    training = Training(
        network,
        {"adam": torch.optim.Adam(network.parameters(), rate)},
        lambda done: 1,
        steps=steps,
        out=out,
        settings={**settings, **numbers},
        process=Process(str(frames.device)),
    )
    draws = torch.randint(len(frames), (steps, batch), generator=torch.Generator().manual_seed(seed))
    training.run(TensorDataset(draws), losses, every=EVERY)
    return network
