import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from dsd.backbones.lite import CHANNELS, FACTORED, VGG19Lite
from dsd.backbones.vgg19 import VGG19
from dsd.distil import start


@pytest.fixture
def teacher():
    return VGG19((*CHANNELS, *FACTORED), weights="random", precision="bfloat16")


def test_factored_at_full_rank_is_the_teacher(monkeypatch):
    """With as many components as channels nothing is lost, whatever the units."""
    ranks = {"relu3_1": (128, 128, 256, 256), "relu4_1": (256, 256, 512, 512)}
    monkeypatch.setattr("dsd.backbones.lite.FACTORED", {layer: ranks.get(layer, (256,) * 4) for layer in FACTORED})
    student, teacher = VGG19Lite(weights="random"), VGG19((*CHANNELS, *FACTORED), weights="random")
    taught = [teacher(torch.rand(2, 3, side, side)) for side in (40, 32)]
    units = {layer: torch.rand(features.shape[1]) + 0.5 for layer, features in taught[0].items()}
    start.factor(student, teacher, taught, units)
    theirs = teacher(torch.rand(1, 3, 32, 24))
    z = F.max_pool2d(theirs["relu2_2"], 2) / units["relu2_2"][:, None, None]
    for layer in FACTORED:
        z = student.factored[layer](F.max_pool2d(z, 2) if layer == "relu4_1" else z).relu()
        torch.testing.assert_close(z * units[layer][:, None, None], theirs[layer], rtol=1e-3, atol=1e-4)


def test_fewer_components_are_the_best_ones():
    """Of channels that vary in three directions only, three components lose nothing, two the least that can be."""
    directions = torch.linalg.qr(torch.randn(6, 3)).Q
    values = directions @ (torch.tensor([3.0, 2.0, 1.0])[:, None] * torch.randn(3, 1000)) + 5
    centred = values - values.mean(1, keepdim=True)
    for count, lost in ((3, 0), (2, torch.linalg.svdvals(centred)[2] ** 2)):
        v = start._principal_components(values, count)
        assert ((centred - v @ v.T @ centred) ** 2).sum().item() == pytest.approx(float(lost), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("count", [6, 3])
def test_factors_of_inputs_are_the_best_ones(count):
    """For a 1×1 kernel: what they lose of its outputs is what the smallest singular values of these hold."""
    weight, values = torch.randn(5, 6), torch.randn(6, 6) @ torch.randn(6, 1000) + 2
    narrow, wide = start._input_factors(weight[:, :, None, None], values, count)
    assert narrow.shape == wide.T.shape == (count, 6)
    outputs = (weight @ (values - values.mean(1, keepdim=True))).numpy()
    lost = outputs - (weight @ wide @ narrow @ (values - values.mean(1, keepdim=True))).numpy()
    smallest = np.linalg.svd(outputs, compute_uv=False)[count:]
    assert np.square(lost).sum() == pytest.approx(np.square(smallest).sum(), rel=1e-3, abs=1e-5 * outputs.size)


def test_factors_of_inputs_of_a_3x3_kernel_count_every_tap():
    """What they lose, in units of the inputs' deviations, is what the smallest singular values of all taps hold."""
    weight, values = torch.randn(4, 6, 3, 3), torch.randn(6, 6) @ torch.randn(6, 1000)
    narrow, wide = start._input_factors(weight, values, 2)
    taps = weight.permute(0, 2, 3, 1).reshape(-1, 6).numpy()
    root = np.linalg.cholesky(np.cov(values.numpy(), bias=True))
    lost = taps @ (np.eye(6) - (wide @ narrow).numpy()) @ root
    smallest = np.linalg.svd(taps @ root, compute_uv=False)[2:]
    assert np.square(lost).sum() == pytest.approx(np.square(smallest).sum(), rel=1e-3)


def test_factors_multiply_what_is_given_and_nothing_else():
    student = VGG19Lite(weights="random").double()
    x = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    before = student(x)
    factors = {layer: torch.rand(channels, dtype=torch.float64) + 0.5 for layer, channels in CHANNELS.items()}
    start.scale_features(student, factors)
    for layer, features in student(x).items():
        torch.testing.assert_close(features, before[layer] * factors[layer][:, None, None])


@pytest.mark.parametrize("taken", [0, 4, -1, None])
def test_goes_on_from_earlier_weights(teacher, tmp_path, taken):
    """What fits is taken; factored convolutions all or none: unless none is missing they are the teacher's."""
    random = VGG19Lite(weights="random").state_dict()
    earlier = {name: (value + 0.01).contiguous() for name, value in list(random.items())[:taken]}
    save_file({**earlier, "stem.bias.of.another": torch.ones(3)}, tmp_path / "earlier.safetensors")
    student = VGG19Lite(weights="random")
    earlier_weights, _ = start.read_start(tmp_path / "earlier.safetensors" if earlier else None)
    deviations = start.initialise(student, teacher, earlier_weights, [torch.rand(2, 3, 32, 32)])
    last = student.factored["relu3_3"][2].weight[:, :, 0, 0]  # principal components are orthonormal
    assert torch.allclose(last.T @ last, torch.eye(last.shape[1]), atol=1e-4) == (taken is not None)
    in_its_units = {name: value.clone() for name, value in student.state_dict().items()}
    start.scale_features(student, deviations)
    for name, value in student.state_dict().items():
        if name in earlier and (taken is None or not name.startswith("factored")):
            torch.testing.assert_close(value, earlier[name], rtol=1e-4, atol=1e-6)
        elif not name.startswith("factored"):  # what stays random is so in the units that it will learn in
            torch.testing.assert_close(in_its_units[name], random[name], rtol=1e-4, atol=1e-6)


def test_widened_layers_give_the_same_at_first(teacher, monkeypatch):
    with monkeypatch.context() as narrower:
        narrower.setattr("dsd.backbones.lite.FINE", 4)
        narrower.setattr("dsd.backbones.lite.TRUNK", {"relu2_1": (8, 12), "relu2_2": (12, 16)})
        ranks = {layer: (inputs, a // 2, b // 2, outputs) for layer, (inputs, a, b, outputs) in FACTORED.items()}
        narrower.setattr("dsd.backbones.lite.FACTORED", ranks)
        earlier = VGG19Lite(weights="random")
    student = VGG19Lite(weights="random")
    deviations = start.initialise(student, teacher, earlier.state_dict(), [torch.rand(2, 3, 32, 32)])
    assert (student.stem.weight[8:] != 0).all()  # what is new can learn
    start.scale_features(student, deviations)
    x = torch.rand(1, 3, 32, 32)
    for layer, features in earlier(x).items():
        torch.testing.assert_close(student(x)[layer], features, rtol=0, atol=1e-4 * features.max().item())


def test_refuses_a_start_of_which_nothing_fits(teacher, tmp_path):
    save_file({"features.0.weight": torch.ones(64, 3, 3, 3)}, tmp_path / "other.safetensors")
    earlier, _ = start.read_start(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="the weights to start from are not of VGG-19 lite: none fits"):
        start.initialise(VGG19Lite(weights="random"), teacher, earlier, [torch.rand(2, 3, 32, 32)])


def test_refuses_a_start_that_cannot_be_read(tmp_path):
    path = tmp_path / "start.safetensors"
    with pytest.raises(FileNotFoundError, match=r"no weight file at .*start\.safetensors"):
        start.read_start(path)
    path.write_bytes(b"not of safetensors")
    with pytest.raises(ValueError, match=r"start\.safetensors is not a readable weight file"):
        start.read_start(path)
