import hashlib
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision

from dsd import LAYERS, VGG19, load_backbone
from dsd.backbones.vgg19 import TORCHVISION_FILE, TORCHVISION_INDEX


def torchvision_features(state):
    """torchvision's own VGG-19 with these weights (no classifier), as an independent network."""
    features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"], batch_norm=False)
    features.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    return features.eval()


@pytest.fixture(scope="module")
def state():
    """A complete state dict with torchvision's keys and random values."""
    network = VGG19(LAYERS, weights="random")
    return {
        f"features.{index}.{part}": value
        for index, convolution in zip(TORCHVISION_INDEX, network.convolutions, strict=True)
        for part, value in convolution.state_dict().items()
    }


@pytest.fixture
def file(tmp_path, state):
    path = tmp_path / "weights.pth"
    torch.save({key: value for key, value in state.items() if int(key.split(".")[1]) < 10}, path)
    return path


def test_every_layer_is_the_one_that_torchvision_computes(state):
    x = torch.rand(2, 3, 48, 40)
    features = torchvision_features(state)
    ours = VGG19(LAYERS, weights=state)(x)
    assert tuple(ours) == LAYERS
    names = re.findall(r"relu\d_\d", " ".join(LAYERS))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    theirs = (x - mean) / std
    with torch.no_grad():
        for module in features:
            if isinstance(module, torch.nn.ReLU):
                if len(names) == 1:
                    torch.testing.assert_close(ours["conv5_4"], theirs, rtol=1e-3, atol=1e-3)
                theirs = F.relu(theirs)
                torch.testing.assert_close(ours[names.pop(0)], theirs, rtol=1e-3, atol=1e-3)
            else:
                theirs = module(theirs)
    assert not names


def test_stops_at_the_deepest_layer_asked_for():
    network = VGG19(("relu2_1", "relu1_1", "relu2_1"), weights="random")
    assert network.layers == ("relu1_1", "relu2_1")
    assert len(network.convolutions) == 3
    assert {layer: f.shape[1:] for layer, f in network(torch.rand(1, 3, 8, 6)).items()} == {
        "relu1_1": (64, 8, 6),
        "relu2_1": (128, 4, 3),
    }


def test_reduce_sees_each_layer_once():
    seen = []
    network = VGG19(("relu1_1", "relu1_2"), weights="random")
    assert list(network(torch.rand(1, 3, 4, 4), lambda layer, f: seen.append((layer, f.shape))).values()) == [
        None,
        None,
    ]
    assert len(seen) == 2


def test_some_of_its_layers():
    network = VGG19(("relu1_1", "relu1_2", "relu2_1"), weights="random")
    x = torch.rand(1, 3, 8, 8)
    some = network(x, layers=["relu1_2", "relu1_1"])
    assert list(some) == ["relu1_1", "relu1_2"]
    assert torch.equal(some["relu1_2"], network(x)["relu1_2"])
    for wrong in (["relu9_9"], [None, "relu1_1"], [[2]]):
        unknown = re.escape(repr(wrong[0]))
        with pytest.raises(
            ValueError, match=f"unknown layer {unknown} for vgg19; valid ones: relu1_1, relu1_2, relu2_1"
        ):
            network(x, layers=wrong)
    for wrong in ("relu1_1", [], 3):
        with pytest.raises(ValueError, match=f"layers must be a sequence of layer names, got {re.escape(repr(wrong))}"):
            network(x, layers=wrong)


def test_images_are_where_it_is():
    with pytest.raises(ValueError, match="x is on meta, the network on cpu: move one of them"):
        VGG19(("relu1_1",), weights="random")(torch.rand(1, 3, 8, 8).to("meta"))


def test_layers_tapped_in_place_are_not_overwritten(state):
    x = torch.rand(1, 3, 32, 32)
    both = VGG19(("conv5_4", "relu5_4"), weights=state)(x)
    alone = VGG19(("conv5_4",), weights=state)(x)["conv5_4"]
    assert (alone < 0).any()
    torch.testing.assert_close(both["conv5_4"], alone)
    torch.testing.assert_close(both["relu5_4"], alone.relu())


def test_stays_frozen(backbone):
    backbone.train()
    assert not backbone.training
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_images_take_gradients(double_backbone):
    x = torch.rand(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: tuple(double_backbone(y).values()), x, fast_mode=True)


def test_double_precision_is_used_where_asked_for(double_backbone):
    assert double_backbone(torch.rand(1, 3, 4, 4, dtype=torch.float64))["relu1_2"].dtype == torch.float64


def test_bfloat16_is_close():
    x = torch.rand(1, 3, 16, 16)
    exact = VGG19(("relu2_1",), weights="random")(x)["relu2_1"]
    coarse = VGG19(("relu2_1",), weights="random", precision="bfloat16")(x)["relu2_1"]
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), exact, rtol=0.1, atol=0.02 * exact.max().item())


def test_autocast_around_it_changes_nothing(backbone):
    x = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = backbone(x)["relu2_1"]
    assert torch.equal(inside, backbone(x)["relu2_1"])


def test_process_wide_tf32_setting_is_still_followed_afterwards(backbone, monkeypatch):
    before = torch.backends.fp32_precision
    torch.backends.fp32_precision = "tf32"
    try:
        backbone(torch.rand(1, 3, 8, 8))
        torch.backends.fp32_precision = "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision = before


def test_tf32_settings_come_back(backbone):
    settings = torch.backends.cudnn.conv, torch.backends.cuda.matmul
    before = [setting.fp32_precision for setting in settings]
    inside = []
    backbone(torch.rand(1, 3, 8, 8), lambda *_: inside.append([setting.fp32_precision for setting in settings]))
    assert inside == [["ieee", "ieee"]] * 2
    assert [setting.fp32_precision for setting in settings] == before


def test_random_weights_are_the_same_every_time_and_say_so():
    first, second = (VGG19(("relu1_2",), weights="random") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert first.provenance()["weights"] == "random"


def test_a_partial_file_is_fine_when_it_holds_the_layers(file, state):
    network = VGG19(("relu2_2",), weights=file)
    assert torch.equal(network.convolutions[3].weight, state["features.7.weight"])
    assert network.provenance() == {
        "backbone": "vgg19",
        "weights": "weights.pth",
        "weights_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "precision": "float32",
        "padding": "zeros",
    }
    with pytest.raises(ValueError, match=r"weights.pth lacks features.10.weight, which the layers asked for need"):
        VGG19(("relu3_1",), weights=file)


def test_half_precision_weights_are_taken(state):
    halved = {key: value.half() for key, value in state.items()}
    assert VGG19(("relu1_1",), weights=halved).convolutions[0].weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "weights.pth is not a readable weight file"),
        (lambda path: path.write_bytes(b""), "is not a readable weight file"),
        (lambda path: path.write_text("<html>not found</html>"), "is not a readable weight file"),
        (lambda path: torch.save(torch.nn.Conv2d(3, 3, 3), path), "is not a readable weight file"),  # code: refused
        (lambda path: torch.save([1, 2], path), "must hold a state dict, got list"),
        (lambda path: torch.save({}, path), "lacks features.0.weight"),
    ],
)
def test_refuses_damaged_files(file, damage, message):
    damage(file)
    with pytest.raises(ValueError, match=message):
        VGG19(("relu1_1",), weights=file)


def test_refuses_a_file_whose_name_tells_another_hash(file):
    with pytest.raises(ValueError, match="is damaged: its SHA-256 begins with"):
        VGG19(("relu1_1",), weights=file.rename(file.with_name(TORCHVISION_FILE.name)))


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19_bn"])
def test_refuses_another_networks_weights(architecture):
    layers = torchvision.models.vgg.make_layers(
        torchvision.models.vgg.cfgs["D" if architecture == "vgg16" else "E"], batch_norm=architecture.endswith("bn")
    )
    state = {f"features.{key}": value for key, value in layers.state_dict().items()}
    with pytest.raises(ValueError, match=r"the state dict is not a VGG-19: it holds features"):
        VGG19(("relu2_1",), weights=state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w[:32], r"features.0.weight of shape \(32, 3, 3, 3\), VGG-19 has \(64, 3, 3, 3\)"),
        (lambda w: w * float("nan"), "NaN or infinite values in features.0.weight"),
    ],
)
def test_refuses_wrong_tensors(state, change, message):
    with pytest.raises(ValueError, match=message):
        VGG19(("relu1_1",), weights={**state, "features.0.weight": change(state["features.0.weight"])})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: VGG19(("relu3_1", "relu6_1"), "random"),
            "unknown layer 'relu6_1' for vgg19; valid ones: relu1_1, .* conv5_4",
        ),
        (lambda: VGG19(np.zeros(2), "random"), "unknown layer .* for vgg19; valid ones"),
        (lambda: VGG19([[2]], "random"), r"unknown layer \[2\] for vgg19; valid ones"),
        (lambda: VGG19("relu3_1", "random"), "layers must be a sequence of layer names, got 'relu3_1'"),
        (lambda: VGG19((), "random"), "layers must be a sequence"),
        (lambda: load_backbone("vgg19", ["relu1_1"], "random", device="gpu"), "device must be auto, cpu, cuda or mps"),
        (
            lambda: load_backbone("vgg19", ["relu1_1"], "random", device="cuda:x"),
            "device must be auto, cpu, cuda or mps",
        ),
        (lambda: load_backbone({}), "unknown backbone {}; valid ones"),
        (lambda: VGG19(("relu1_1",), "random", precision="half"), "precision must be one of float32, bfloat16"),
        (lambda: VGG19(("relu1_1",), "random", precision=np.zeros(3)), "precision must be one of float32, bfloat16"),
        (
            lambda: VGG19(("relu1_1",), "random", padding=np.zeros(3)),
            "padding must be one of zeros, reflect, replicate",
        ),
        (lambda: load_backbone("vgg11", ("relu1_1",)), "unknown backbone 'vgg11'; valid ones: vgg19"),
        (lambda: VGG19(("relu4_1",), "random")(torch.rand(1, 3, 7, 9)), "smallest image that works is 8×8"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_missing_file():
    with pytest.raises(FileNotFoundError, match=r"no weight file at nowhere\.pth"):
        VGG19(("relu1_1",), weights="nowhere.pth")


@pytest.mark.usefixtures("no_weights")
def test_no_weights_and_no_network_tells_the_ways_to_get_them():
    with pytest.raises(FileNotFoundError, match=r"(?s)no network.*DSD_DATA=.*weights=path.*torchvision downloads it"):
        VGG19(("relu1_1",))


@pytest.mark.usefixtures("no_weights")
def test_download_goes_to_torchvisions_cache_and_is_used(monkeypatch, tmp_path, state):
    def download(url, path, hash_prefix):
        assert url.endswith(TORCHVISION_FILE.name)
        assert hash_prefix == "dcbb9e9d"
        torch.save(state, path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    # What was written has another hash than its name tells: found out after it came to the right place.
    with pytest.raises(ValueError, match="is damaged"):
        VGG19(("relu1_1",))
    assert (tmp_path / "hub" / "checkpoints" / TORCHVISION_FILE).is_file()


def test_data_root_comes_first(monkeypatch, tmp_path, state):
    (tmp_path / "weights").mkdir()
    torch.save(state, tmp_path / "weights" / "vgg19-oxford-features.pth")
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    assert VGG19(("relu1_1",)).provenance()["weights"] == "vgg19-oxford-features.pth"


def test_real_weights_load_to_the_deepest_layer(weights_file):
    features = VGG19(("relu3_1", "relu5_4"), weights=weights_file)(torch.rand(1, 3, 32, 32))
    assert all(f.isfinite().all() and f.max() > 0 for f in features.values())
