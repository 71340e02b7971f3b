"""LPIPS against its published values, against torchmetrics, and against NumPy."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import lpips as reference
from torchvision import models

from dsd import create_metric, load_backbone
from dsd.paths import data_root
from dsd.quality import lpips
from dsd.quality.lpips import HEADS, LPIPS, read_heads

NAMES = {"alexnet": "alex", "squeezenet": "squeeze", "vgg16": "vgg"}
FILES = {"alexnet": "alexnet-features.pth", "squeezenet": "squeezenet1_1-features.pth", "vgg16": "vgg16-features.pth"}


@pytest.fixture(scope="module", params=NAMES)
def network(request):
    return load_backbone(request.param, weights="random", device="cpu")


@pytest.fixture
def pair():
    return torch.rand(2, 2, 3, 48, 40).unbind()


def torchmetrics_of(network):
    """torchmetrics' own LPIPS with the weights of a network, which it would download."""
    own = reference._LPIPS(pretrained=False, pnet_rand=True, net=NAMES[network.backbone_name])
    for mine, theirs in zip(network.parameters(), own.net.parameters(), strict=True):
        theirs.copy_(mine)
    layers = [layer.model[1].weight for layer in own.lins]
    for head, weight in zip(read_heads(network.backbone_name).split([w.numel() for w in layers]), layers, strict=True):
        weight.copy_(head[None, :, None, None])
    return own


def test_is_torchmetrics(network, pair):
    torch.testing.assert_close(
        LPIPS(network)(*pair), torchmetrics_of(network)(*pair, normalize=True).flatten(), rtol=0, atol=1e-6
    )


def test_is_the_formula(network, pair):
    expected = np.zeros(2)
    heads, at = read_heads(network.backbone_name).double().numpy(), 0
    for a, b in zip(*(network(images).values() for images in pair), strict=True):
        head, at = heads[at : at + a.shape[1], None, None], at + a.shape[1]
        units = [f / np.sqrt((f**2).sum(1, keepdims=True) + 1e-8) for f in (a.double().numpy(), b.double().numpy())]
        expected += ((units[0] - units[1]) ** 2 * head).sum(1).mean((1, 2))
    np.testing.assert_allclose(LPIPS(network)(*pair), expected, rtol=1e-5)


def test_batch_is_loop_and_equal_images_are_at_zero(network, pair):
    score = LPIPS(network)
    values = score(*pair)
    assert values.shape == (2,)
    assert (values > 0).all()
    torch.testing.assert_close(values, torch.cat([score(x[None], y[None]) for x, y in zip(*pair, strict=True)]))
    assert torch.equal(score(pair[0], pair[0]), torch.zeros(2))


@pytest.mark.parametrize("image", ["random", "equal", "black"])
def test_gradients_are_finite(network, pair, image):
    y = pair[1]
    x = {"random": pair[0], "equal": y, "black": torch.zeros_like(y)}[image].clone().requires_grad_()
    LPIPS(network)(x, y).sum().backward()
    assert x.grad.isfinite().all()


def test_works_where_it_is(device):
    score = LPIPS(load_backbone("alexnet", weights="random", device=device))
    x, y = torch.rand(2, 1, 3, 32, 32, device=device)
    assert score(x, y).device.type == device


@pytest.mark.parametrize(("other", "expected"), [("ex_p0.png", 0.722), ("ex_p1.png", 0.138)])
def test_published_values(other, expected):
    folder = data_root()
    for file in (folder / "weights" / FILES["alexnet"], folder / "lpips" / other):
        if not file.is_file():
            pytest.skip(f"no {file}")
    value = create_metric("lpips", device="cpu")(folder / "lpips" / other, folder / "lpips" / "ex_ref.png")
    assert round(value.item(), 3) == expected


def test_torchmetrics_documented_value():
    """Of ``learned_perceptual_image_patch_similarity(…, net_type="squeeze")`` in its docstring."""
    if not (file := data_root() / "weights" / FILES["squeezenet"]).is_file():
        pytest.skip(f"no {file}")
    generator = torch.Generator().manual_seed(42)
    x, y = (torch.rand(2, 3, 100, 100, generator=generator) for _ in "xy")
    values = create_metric("lpips-squeeze", device="cpu")(x, y)
    np.testing.assert_allclose(values, [0.1024, 0.0938], atol=5e-5)


@pytest.mark.parametrize(
    ("name", "make", "file"),
    [
        ("lpips", models.alexnet, FILES["alexnet"]),
        ("lpips-squeeze", models.squeezenet1_1, FILES["squeezenet"]),
        ("lpips-vgg", models.vgg16, FILES["vgg16"]),
    ],
)
def test_features_alone_are_enough(name, make, file, tmp_path, monkeypatch, pair):
    (tmp_path / "weights").mkdir()
    torch.save(
        {f"features.{key}": value for key, value in make().features.state_dict().items()}, tmp_path / "weights" / file
    )
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    score = create_metric(name, device="cpu")
    assert score(*pair).shape == (2,)
    assert not score.higher_is_better


@pytest.mark.parametrize("name", ["lpips", "lpips-squeeze", "lpips-vgg"])
def test_without_weights_it_says_where_to_get_them(name, tmp_path, monkeypatch):
    def offline(*_):
        raise OSError("no network")

    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(FileNotFoundError, match=rf"no weights of .* found(?s:.*)put .*({'|'.join(FILES.values())})"):
        create_metric(name, device="cpu")


def test_refuses_other_networks_and_images(pair):
    with pytest.raises(ValueError, match="LPIPS needs one of alexnet, squeezenet, vgg16, got lite"):
        LPIPS("lite")
    with pytest.raises(ValueError, match="LPIPS needs all layers of alexnet, got relu2, relu3"):
        LPIPS(load_backbone("alexnet", ("relu2", "relu3"), weights="random", device="cpu"))
    score = LPIPS(load_backbone("alexnet", weights="random", device="cpu"))
    with pytest.raises(ValueError, match="same size, got 48×40 and 40×40"):
        score(pair[0], pair[1][..., :40, :])
    with pytest.raises(ValueError, match="the smallest image that works is 31×31"):
        score(*(image[..., :30, :30] for image in pair))


def test_refuses_other_heads(monkeypatch):
    monkeypatch.setitem(HEADS, "alexnet", ("vgg.pth", HEADS["alexnet"][1]))
    with pytest.raises(ValueError, match=r"vgg.pth does not hold LPIPS 0.1: its SHA-256 is a78928a0…, df73285e… is"):
        read_heads("alexnet")
    monkeypatch.setitem(lpips.HEADS, "alexnet", ("none.pth", ""))
    with pytest.raises(FileNotFoundError, match=r"no weight file at .*none.pth"):
        read_heads("alexnet")
