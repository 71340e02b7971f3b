import inspect
import json

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F

from dsd import VGG19, DSDLoss, VGG19Lite, dsd_matrices, load_backbone
from dsd.backbones.lite import CHANNELS, SHA256, TEACHER_SHA256, WEIGHTS
from dsd.data.images import load_image
from dsd.distil.train import distil
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def lite():
    return VGG19Lite()


@pytest.mark.parametrize("size", [(64, 48), (37, 43), (9, 8)])
def test_has_vgg19s_shapes_at_every_size(lite, size):
    x = torch.rand(2, 3, *size)
    theirs = VGG19(tuple(CHANNELS), weights="random")(x)
    assert {layer: f.shape for layer, f in lite(x).items()} == {layer: f.shape for layer, f in theirs.items()}


@pytest.mark.parametrize("layer", CHANNELS)
def test_one_layer_alone_is_the_same(lite, layer):
    x = torch.rand(1, 3, 32, 40)
    torch.testing.assert_close(VGG19Lite((layer,))(x)[layer], lite(x)[layer])


def test_batch_is_one_by_one(lite):
    x = torch.rand(3, 3, 32, 32)
    together = lite(x)
    for layer, f in together.items():
        torch.testing.assert_close(f, torch.cat([lite(one)[layer] for one in x.split(1)]), rtol=1e-3, atol=1e-4)


def test_is_what_its_weights_say():
    """Every layer written out from the file."""
    w = {name: value.float() for name, value in safetensors.torch.load_file(WEIGHTS).items()}
    x = torch.rand(1, 3, 24, 32)
    z = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    fine = F.conv2d(z, w["fine.weight"], w["fine.bias"], padding=1).relu()
    expected = {"relu1_2": F.conv2d(fine, w["heads.relu1_2.weight"], w["heads.relu1_2.bias"], padding=1).relu()}
    z = F.conv2d(z, w["stem.weight"], w["stem.bias"], stride=2, padding=2).relu()
    for layer in ("relu2_1", "relu2_2"):
        z = F.conv2d(z, w[f"blocks.{layer}.0.weight"], w[f"blocks.{layer}.0.bias"], padding=1).relu()
        expected[layer] = F.conv2d(z, w[f"heads.{layer}.weight"], w[f"heads.{layer}.bias"]).relu()
    z = F.max_pool2d(expected["relu2_2"], 2)
    for layer in ("relu3_1", "relu3_2", "relu3_3", "relu3_4", "relu4_1"):
        z = F.max_pool2d(z, 2) if layer == "relu4_1" else z
        first, core, last = (w[f"factored.{layer}.{k}.weight"] for k in range(3))
        whole = torch.einsum("or,rshw,si->oihw", last[:, :, 0, 0], core, first[:, :, 0, 0])  # one 3×3 convolution
        expected[layer] = z = F.conv2d(z, whole, w[f"factored.{layer}.2.bias"], padding=1).relu()
    for layer, features in VGG19Lite()(x).items():
        torch.testing.assert_close(features, expected[layer], rtol=1e-3, atol=1e-3)


def test_comes_with_the_package_and_says_so(no_weights):
    network = load_backbone("lite", ("relu2_1",))
    assert WEIGHTS.stat().st_size <= 2_000_000
    assert network.provenance() == {
        "backbone": "lite",
        "weights": "vgg19-lite.safetensors",
        "weights_sha256": SHA256,
        "precision": "float32",
        "padding": "zeros",
    }
    assert not any(parameter.requires_grad for parameter in network.train().parameters())


def test_the_card_is_of_this_file():
    card = (REPOSITORY / "dsd" / "backbones" / "vgg19-lite.md").read_text()
    with safetensors.safe_open(WEIGHTS, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert SHA256 in card
    assert about["teacher_sha256"] == TEACHER_SHA256 in card
    assert str(about["start_sha256"]) in card
    assert f"{about['steps']:,} steps" in card
    assert "Creative\nCommons Attribution 4.0" in card


def test_the_steps_and_the_seed_of_this_file_are_the_defaults():
    with safetensors.safe_open(WEIGHTS, "pt") as file:
        about = json.loads(file.metadata()["about"])
    defaults = inspect.signature(distil).parameters
    assert about["steps"] == defaults["steps"].default
    assert about["seed"] == defaults["seed"].default


@pytest.mark.parametrize("layer", ["relu2_1", "relu4_1"])
def test_bfloat16_is_close(layer):
    x = torch.rand(1, 3, 64, 64)
    exact, coarse = (VGG19Lite((layer,), precision=precision)(x)[layer] for precision in ("float32", "bfloat16"))
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), exact, rtol=0.1, atol=0.02 * exact.max().item())


def test_images_take_gradients():
    network = VGG19Lite(weights="random").double()
    x = torch.rand(1, 3, 10, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: tuple(network(y).values()), x, fast_mode=True)


@pytest.mark.parametrize("image", [torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.5)])
def test_gradients_are_finite_in_hard_cases(lite, image):
    x = image.requires_grad_()
    DSDLoss(lite)(x, image.detach()).backward()
    assert x.grad.isfinite().all()


def test_stands_in_for_the_real_vgg19(weights_file):
    """Its DSD of a photograph is nearer to the real one than that of another photograph is: far more so than chance."""
    x, y = (load_image(path)[None, :, :256, :256] for path in photographs())
    real, ours = VGG19(tuple(CHANNELS), weights_file), VGG19Lite()
    a, b, mine = dsd_matrices(x, real), dsd_matrices(y, real), dsd_matrices(x, ours)
    for key in a:
        assert (mine[key] - a[key]).abs().mean() < 0.5 * (b[key] - a[key]).abs().mean()


def photographs():
    from dsd.data.images import embedded_photographs

    return embedded_photographs()[0], embedded_photographs()[4]


def test_refuses_another_networks_weights(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"features.0.weight": torch.rand(64, 3, 3, 3)}, path)
    with pytest.raises(ValueError, match=r"is not a VGG-19 lite: it holds features\.0\.weight"):
        load_backbone("lite", ("relu2_1",), path)
    with pytest.raises(FileNotFoundError, match="no weight file at nowhere"):
        VGG19Lite(weights="nowhere")


def test_a_damaged_package_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr("dsd.backbones.lite.SHA256", "0" * 64)
    with pytest.raises(ValueError, match="is damaged: its SHA-256 is"):
        VGG19Lite()


def test_refuses_layers_that_it_has_not():
    with pytest.raises(ValueError, match="unknown layer 'relu5_1' for lite; valid ones: relu1_2, relu2_1"):
        VGG19Lite(("relu5_1",))
