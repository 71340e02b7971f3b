"""How VGG-19 lite begins: with earlier weights, widened where it grew, and with VGG-19's own convolutions factored."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd.backbones.lite import CHANNELS, VGG19Lite
from dsd.backbones.vgg19 import VGG19, convolution_index
from dsd.backbones.weights import read_state


def read_start(start: str | Path | None) -> tuple[Mapping[str, Tensor], str | None]:
    """Earlier weights to begin with, and their file's SHA-256; without a file, none.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or holds no weights.
    """
    return read_state(Path(start)) if start else ({}, None)


@torch.no_grad()
def initialise(
    student: VGG19Lite, teacher: VGG19, earlier: Mapping[str, Tensor], batches: Iterable[Tensor]
) -> dict[str, Tensor]:
    """Fill the student, whose weights are random: with `earlier` ones where they fit, else by :func:`factor`.

    Factored convolutions are taken all or none. The teacher has all layers of `CHANNELS` and of `FACTORED`.

    Returns:
        {layer: (C,)}, standard deviations of the teacher's channels on `batches`, in units of which it now works.

    Raises:
        ValueError: there are earlier weights, but none that fits.
    """
    taught = [teacher(x.to(student.device)) for x in batches]
    deviations = {layer: _deviations([features[layer] for features in taught]) for layer in teacher.layers}
    scale_features(student, deviations)  # undone below: what stays random is meant to be in these units
    state = student.state_dict()
    taken = {name: _widened(earlier[name], value) for name, value in state.items() if _fits(earlier.get(name), value)}
    factored = {name for name in state if name.startswith("factored.")}
    if incomplete := not factored <= taken.keys():
        taken = {name: value for name, value in taken.items() if name not in factored}
    if earlier and not taken:
        raise ValueError("the weights to start from are not of VGG-19 lite: none fits")
    student.load_state_dict(state | taken)
    scale_features(student, {layer: 1 / unit for layer, unit in deviations.items()})
    if incomplete:
        factor(student, teacher, taught, deviations)
    random = len(state.keys() - taken.keys() - factored)
    print(f"{len(taken)} tensors begin as earlier, {len(factored) * incomplete} as VGG-19's, {random} randomly")
    return deviations


def _fits(earlier: Tensor | None, value: Tensor) -> bool:
    """Whether it has as many channels as `value` or fewer, and its kernel."""
    return (
        earlier is not None
        and earlier.ndim == value.ndim
        and earlier.shape[2:] == value.shape[2:]
        and all(old <= new for old, new in zip(earlier.shape, value.shape, strict=True))
    )


def _widened(earlier: Tensor, value: Tensor) -> Tensor:
    """`earlier` as the first channels of `value`; layers after it, widened too, don't listen to the new ones yet."""
    value = value.clone()
    value[: len(earlier)] = 0
    value[tuple(slice(size) for size in earlier.shape)] = earlier
    return value


def _deviations(maps: Sequence[Tensor]) -> Tensor:
    """Standard deviation of each channel, (C,); of silent channels, a tenth of the layer's median."""
    variance = torch.stack([x.float().var(dim=(0, 2, 3)) for x in maps]).mean(0)
    return variance.sqrt().clamp_min(variance.median().sqrt().item() / 10)


@torch.no_grad()
def factor(
    student: VGG19Lite, teacher: VGG19, taught: Sequence[Mapping[str, Tensor]], deviations: Mapping[str, Tensor]
) -> None:
    """Make the student's factored convolutions the teacher's, as nearly as fewer channels can: each on its own.

    With W a convolution's weights, U the principal components of its outputs before their ReLU, and A, B those factors
    whose product changes UᵀW least on its inputs (:func:`_input_factors`), the three are A, UᵀWB and U (a Tucker-2
    decomposition); the last bias makes the outputs' means the teacher's, on the teacher's inputs. All in units of
    `deviations`; `taught` are the teacher's features of some batches, from ReLU2_2 to ReLU4_1.
    """
    for before, layer in pairwise(("relu2_2", *student.factored)):
        whole = teacher.convolutions[convolution_index(layer)]
        inputs = [f[before] if before[4] == layer[4] else F.max_pool2d(f[before], 2) for f in taught]
        unit_in, unit_out = (deviations[name][:, None, None] for name in (before, layer))
        first, core, last = _factors(student, layer)
        wanted = _channels([whole(x) / unit_out for x in inputs])
        u = _principal_components(wanted, last.in_channels)
        weight = torch.einsum("or,oihw->rihw", u, whole.get_parameter("weight") * unit_in / unit_out[:, None])
        narrow, wide = _input_factors(weight, _channels([x / unit_in for x in inputs]), first.out_channels)
        first.weight.copy_(narrow[:, :, None, None])
        core.weight.copy_(torch.einsum("rihw,is->rshw", weight, wide))
        last.weight.copy_(u[:, :, None, None])
        reached = _channels([student.factored[layer](x / unit_in) for x in inputs])
        last.bias.add_((wanted - reached).mean(1))  # type: ignore[union-attr]


def _channels(maps: Iterable[Tensor]) -> Tensor:
    """Maps (N, C, H, W) as one (C, positions)."""
    return torch.cat([x.float().transpose(0, 1).flatten(1) for x in maps], dim=1)


def _principal_components(values: Tensor, count: int) -> Tensor:
    """Directions of largest variance, (C, count), of values (C, positions), the largest last."""
    centred = values - values.mean(1, keepdim=True)
    return torch.linalg.eigh(centred @ centred.T).eigenvectors[:, -count:]


def _input_factors(weight: Tensor, values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """A, (count, C), and B, (C, count), for which W B A is closest to W, (R, C, H, W), on values (C, positions).

    With S their covariance, A = Vᵀ S^-½ and B = S^½ V, where V are the leading right singular vectors of W S^½: the
    truncated decomposition is the best there is for a 1×1 kernel, and for others were neighbours independent.
    """
    variances, directions = torch.linalg.eigh(values.cov(correction=0))
    roots = variances.clamp_min(1e-6 * variances.max()).sqrt()
    matrix = weight.transpose(0, 1).flatten(1).T @ (directions * roots)
    leading = torch.linalg.eigh(matrix.T @ matrix).eigenvectors[:, -count:]
    return leading.T @ (directions / roots).T, (directions * roots) @ leading


@torch.no_grad()
def scale_features(student: VGG19Lite, factors: Mapping[str, Tensor]) -> None:
    """Multiply each channel of the student's features by its factor, which is positive: a ReLU lets it through."""
    for layer in CHANNELS:
        last = student.heads[layer] if layer in student.heads else _factors(student, layer)[-1]
        for parameter in last.parameters():
            parameter.mul_(factors[layer].view(-1, *[1] * (parameter.ndim - 1)))
    for layer, following in (("relu2_2", "relu3_1"), ("relu3_1", "relu3_2")):  # for what comes after, nothing changes
        _factors(student, following)[0].weight.div_(factors[layer][:, None, None])


def _factors(student: VGG19Lite, layer: str) -> list[nn.Conv2d]:
    return [part for part in student.factored[layer].children() if isinstance(part, nn.Conv2d)]
