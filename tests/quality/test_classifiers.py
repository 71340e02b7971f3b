import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.models import vgg19

from dsd import VGG19, load_image
from dsd.data.images import find_images
from dsd.data.views import Photographs
from dsd.paths import data_root
from dsd.quality import classifiers


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=60, crop=48, count=12, crops=2)


@pytest.fixture(scope="module")
def classifier(photographs):
    return classifiers.photograph_classifier(photographs, VGG19(("relu2_1",), weights="random"), batch_size=5)


@pytest.fixture
def whole_network(tmp_path):
    """A state dict of torchvision's VGG-19 that knows two labels: its storage is small, its shapes are right."""
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in vgg19().state_dict().items()}
    state = {key: torch.zeros(1).expand(shape) for key, shape in shapes.items()}
    bias = torch.zeros(1000)
    bias[[7, 9]] = torch.tensor([5.0, 6.0])
    file = tmp_path / "whole.pth"
    torch.save(state | {"classifier.6.bias": bias}, file)
    return file


def test_photographs_are_told_by_the_nearest_direction(photographs, classifier):
    assert list(classifier.labels) == sorted({view.group for view in photographs.views})
    x = torch.stack([photographs[k] for k in range(len(photographs))])
    features = classifier.backbone(x)["relu2_1"].double().mean(dim=(2, 3)).numpy()
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    groups = np.array([view.group for view in photographs.views])
    known = np.array([directions[groups == label].mean(axis=0) for label in classifier.labels])
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    scores = np.exp(directions @ known.T / 0.05)
    np.testing.assert_allclose(classifier(x), scores / scores.sum(axis=1, keepdims=True), rtol=1e-3)


def test_imagenet_labels(whole_network):
    classifier = classifiers.imagenet_classifier(whole_network, device="cpu")
    assert len(classifier.labels) == 1000
    assert classifier.labels[0] == "tench"
    expected = F.softmax(torch.tensor([5.0, 6.0] + 998 * [0.0]), dim=0)
    for side in (32, 64):
        found = classifier(torch.rand(2, 3, side, side))
        torch.testing.assert_close(found[:, [7, 9]], expected[:2].expand(2, 2))
    assert classifier.backbone.provenance()["weights"] == "whole.pth"
    assert classifier.provenance == {}


def test_probabilities_are_those_of_torchvisions_network(whole_network):
    state = torch.load(whole_network)
    for key, value in state.items():
        column = torch.randn(len(value)) / value[0].numel() ** 0.5  # a weight's rows are constant: it stays small
        state[key] = column.reshape(-1, *[1] * (value.ndim - 1)).expand(value.shape)
    torch.save(state, whole_network)
    with torch.device("meta"):
        network = vgg19().eval()
    network.load_state_dict(state, assign=True)
    x = torch.rand(1, 3, 64, 80)
    mean, std = (torch.tensor(values)[:, None, None] for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.inference_mode():
        expected = network((x - mean) / std).softmax(dim=1)
    assert expected.std() > 1e-5
    torch.testing.assert_close(classifiers.imagenet_classifier(whole_network, device="cpu")(x), expected)


def test_a_file_of_features_only_is_refused(tmp_path, whole_network):
    state = torch.load(whole_network)
    torch.save({key: state[key] for key in state if key.startswith("features")}, tmp_path / "features.pth")
    with pytest.raises(ValueError, match=r"features\.pth lacks classifier\.0\.weight, .*needs the whole network"):
        classifiers.imagenet_classifier(tmp_path / "features.pth")


@pytest.mark.usefixtures("no_weights")
def test_no_weights_tells_the_ways_to_get_them():
    with pytest.raises(FileNotFoundError, match=r"put vgg19-dcbb9e9d\.pth into"):
        classifiers.imagenet_classifier()


@pytest.fixture
def in_two_files(whole_network, tmp_path, monkeypatch):
    """A data root with VGG-19's features and its compressed classifier, which is read as `whole_network`'s."""
    monkeypatch.setenv("DSD_DATA", str(tmp_path / "root"))
    folder = tmp_path / "root" / "weights"
    folder.mkdir(parents=True)
    state = torch.load(whole_network)
    torch.save({key: state[key] for key in state if key.startswith("features")}, folder / "vgg19-oxford-features.pth")
    (folder / "vgg19-oxford-classifier-q.pth").write_bytes(b"")
    classifier = {key: state[key] for key in state if key.startswith("classifier")}
    monkeypatch.setattr(classifiers, "read_compressed_classifier", lambda path: (classifier, f"hash of {path.name}"))
    return folder


def test_features_and_compressed_classifier(in_two_files):
    classifier = classifiers.imagenet_classifier(device="cpu")
    assert classifier.backbone.provenance()["weights"] == "vgg19-oxford-features.pth"
    name = "vgg19-oxford-classifier-q.pth"
    assert classifier.provenance == {"classifier": name, "classifier_sha256": f"hash of {name}"}
    assert classifier(torch.rand(1, 3, 32, 32)).argmax() == 9


def test_torchvisions_file_goes_first(in_two_files):
    (in_two_files / "vgg19-dcbb9e9d.pth").write_bytes(b"")
    with pytest.raises(ValueError, match=r"vgg19-dcbb9e9d\.pth is damaged"):
        classifiers.imagenet_classifier(device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda bias: bias[:10], "has another classifier than VGG-19's"),
        (lambda bias: bias * float("nan"), "has NaN or infinite values in its classifier"),
    ],
)
def test_refuses_another_classifier(whole_network, change, message):
    state = torch.load(whole_network)
    torch.save(state | {"classifier.6.bias": change(state["classifier.6.bias"])}, whole_network)
    with pytest.raises(ValueError, match=f"whole.pth {message}"):
        classifiers.imagenet_classifier(whole_network, device="cpu")


def test_refuses_images_without_a_last_position(whole_network):
    with pytest.raises(ValueError, match="32"):
        classifiers.imagenet_classifier(whole_network, device="cpu")(torch.rand(1, 3, 31, 40))


def test_real_weights_know_imagenet():
    folder = data_root()
    if not ((folder / "weights" / classifiers.CLASSIFIER_FILE).is_file() and (folder / "imagenet-sample").is_dir()):
        pytest.skip(f"no weights/{classifiers.CLASSIFIER_FILE} or no imagenet-sample in {folder}")
    classifier = classifiers.imagenet_classifier()
    named = {"n11939491": "daisy", "n02391049": "zebra", "n02132136": "brown bear"}
    paths = [path for path in find_images("imagenet-sample") if path.name.split("_")[0] in named]
    assert len(paths) == 3
    for path in paths:
        x = F.interpolate(load_image(path)[None], (224, 224), mode="bilinear", antialias=True).clamp(0, 1)
        assert classifier.labels[int(classifier(x).argmax())] == named[path.name.split("_")[0]]
