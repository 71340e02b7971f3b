import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torchvision.models import vgg19

from dsd import VGG19, load_image
from dsd.data.images import embedded_photographs, find_images
from dsd.data.views import Photographs, View
from dsd.experiments import fig1_classes as classes
from dsd.paths import data_root


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=60, crop=48, count=12, crops=2)


@pytest.fixture(scope="module")
def classifier(photographs):
    return classes.photograph_classifier(photographs, VGG19(("relu2_1",), weights="random"), batch_size=5)


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
    classifier = classes.imagenet_classifier(whole_network, device="cpu")
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
    torch.testing.assert_close(classes.imagenet_classifier(whole_network, device="cpu")(x), expected)


def test_a_file_of_features_only_is_refused(tmp_path, whole_network):
    state = torch.load(whole_network)
    torch.save({key: state[key] for key in state if key.startswith("features")}, tmp_path / "features.pth")
    with pytest.raises(ValueError, match=r"features\.pth lacks classifier\.0\.weight, .*needs the whole network"):
        classes.imagenet_classifier(tmp_path / "features.pth")


@pytest.mark.usefixtures("no_weights")
def test_no_weights_tells_the_ways_to_get_them():
    with pytest.raises(FileNotFoundError, match=r"put vgg19-dcbb9e9d\.pth into"):
        classes.imagenet_classifier()


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
    monkeypatch.setattr(classes, "read_compressed_classifier", lambda path: (classifier, f"hash of {path.name}"))
    return folder


def test_features_and_compressed_classifier(in_two_files):
    classifier = classes.imagenet_classifier(device="cpu")
    assert classifier.backbone.provenance()["weights"] == "vgg19-oxford-features.pth"
    name = "vgg19-oxford-classifier-q.pth"
    assert classifier.provenance == {"classifier": name, "classifier_sha256": f"hash of {name}"}
    assert classifier(torch.rand(1, 3, 32, 32)).argmax() == 9


def test_torchvisions_file_goes_first(in_two_files):
    (in_two_files / "vgg19-dcbb9e9d.pth").write_bytes(b"")
    with pytest.raises(ValueError, match=r"vgg19-dcbb9e9d\.pth is damaged"):
        classes.imagenet_classifier(device="cpu")


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
        classes.imagenet_classifier(whole_network, device="cpu")


def test_refuses_images_without_a_last_position(whole_network):
    with pytest.raises(ValueError, match="32"):
        classes.imagenet_classifier(whole_network, device="cpu")(torch.rand(1, 3, 31, 40))


def test_real_weights_know_imagenet():
    folder = data_root()
    if not ((folder / "weights" / classes.CLASSIFIER_FILE).is_file() and (folder / "imagenet-sample").is_dir()):
        pytest.skip(f"no weights/{classes.CLASSIFIER_FILE} or no imagenet-sample in {folder}")
    classifier = classes.imagenet_classifier()
    named = {"n11939491": "daisy", "n02391049": "zebra", "n02132136": "brown bear"}
    paths = [path for path in find_images("imagenet-sample") if path.name.split("_")[0] in named]
    assert len(paths) == 3
    for path in paths:
        x = F.interpolate(load_image(path)[None], (224, 224), mode="bilinear", antialias=True).clamp(0, 1)
        assert classifier.labels[int(classifier(x).argmax())] == named[path.name.split("_")[0]]


def test_every_view_is_classified_at_every_scale(photographs, classifier):
    table = classes.classify(photographs, classifier, [2, 4], batch_size=5)
    assert len(table) == 12 * 5
    assert list(table[table.view == 7].file.unique()) == [photographs.views[7].path.name]
    x = photographs[7][None]
    small = F.interpolate(x, (24, 24), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    found = table[(table.view == 7) & ~table.enlarged].set_index("alpha").probability
    assert found[1.0] == pytest.approx(classifier(x).max().item(), rel=1e-4)
    assert found[2.0] == pytest.approx(classifier(small).max().item(), rel=0.02)  # another border
    assert table[(table.view == 7) & table.enlarged].alpha.tolist() == [2, 4]


def labelled(*labels):
    """A table of views of photographs a, a, b: labels and probabilities at scales 1 and 2, and enlarged again."""
    rows = [
        (view, "class", file, alpha, enlarged, label[0], float(label[1:]))
        for view, (file, versions) in enumerate(zip("aab", labels, strict=True))
        for (alpha, enlarged), label in zip([(1, False), (2, False), (2, True)], versions, strict=True)
    ]
    return pd.DataFrame(rows, columns=["view", "group", "file", "alpha", "enlarged", "label", "probability"])


def test_summaries():
    table = labelled(["x.9", "y.5", "x.4"], ["x.8", "z.6", "z.6"], ["x.9", "w.3", "x.1"])
    changed = classes.changes(table).set_index(["file", "enlarged"]).changed
    assert changed.to_dict() == {("a", False): 1, ("a", True): 0.5, ("b", False): 1, ("b", True): 0}
    found = classes.striking(table, 2, 5)
    assert found.view.tolist() == [1, 2]  # of a photograph the surest view only
    assert found.label_small.tolist() == ["z", "w"]
    assert classes.striking(labelled(*3 * [["x.9", "x.8", "x.7"]]), 2, 5).empty


def test_one_view_of_class_folders_each(tmp_path, classifier):
    view = View(embedded_photographs()[0], "class")
    table = classes.classify(Photographs([view], "one", resize=None, crop=48), classifier, [1.5])
    assert table.group.unique() == ["class"]
