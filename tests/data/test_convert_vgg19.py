import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dsd.backbones.vgg19 import CONVOLUTIONS, TORCHVISION_INDEX
from dsd.data.convert_vgg19 import convert_vgg19
from tests.data.caffe_writer import caffe_model

OXFORD_BGR = np.array([103.939, 116.779, 123.68])
IMAGENET_RGB = np.array([0.485, 0.456, 0.406])
WIDTHS = [64] + [4] + [5] * 2 + [6] * 4 + [7] * 8  # only the first is VGG-19's


@pytest.fixture(scope="module")
def oxford():
    """A narrow VGG-19 as Caffe has it, {name: (weight, bias)}, for values to 255."""
    generator = np.random.default_rng(0)
    layers = {}
    for (block, k), inputs, outputs in zip(CONVOLUTIONS, [3, *WIDTHS], WIDTHS, strict=False):
        weight = generator.normal(scale=(2 / 9 / inputs) ** 0.5, size=(outputs, inputs, 3, 3))
        layers[f"conv{block}_{k}"] = (weight.astype(np.float32), generator.normal(scale=20, size=outputs))
    return layers


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).random((3, 32, 32))


def write(path, layers, **options):
    path.write_bytes(caffe_model(layers, **options))
    return path


@pytest.fixture
def converted(oxford, tmp_path):
    out = convert_vgg19(write(tmp_path / "vgg.caffemodel", oxford), tmp_path / "weights" / "vgg.pth")
    return torch.load(out, weights_only=True)


def caffe_activations(layers, image, outside):
    """Convolutions' outputs, before ReLU, as Caffe computes them, in NumPy.

    `outside` is what the first convolution sees beyond the border, (3,) for B, G, R: zeros in Caffe.
    """
    x = image[::-1] * 255 - OXFORD_BGR[:, None, None]
    outputs = {}
    for name, (weight, bias) in layers.items():
        if name.endswith("_1") and name != "conv1_1":
            channels, height, width = x.shape
            x = x.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
        border = outside if name == "conv1_1" else np.zeros(len(x))
        padded = np.broadcast_to(border[:, None, None], (len(x), *np.add(x.shape[1:], 2))).copy()
        padded[:, 1:-1, 1:-1] = x
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        outputs[name] = np.einsum("oikl,iyxkl->oyx", weight, windows) + bias[:, None, None]
        x = np.maximum(outputs[name], 0)
    return outputs


def converted_activations(state, image):
    """The same of a network of torchvision's layout and input."""
    x = torch.from_numpy((image - IMAGENET_RGB[:, None, None]) / np.array([0.229, 0.224, 0.225])[:, None, None])[None]
    outputs = {}
    for (block, k), index in zip(CONVOLUTIONS, TORCHVISION_INDEX, strict=True):
        if k == 1 and block > 1:
            x = F.max_pool2d(x, 2)
        weight, bias = (state[f"features.{index}.{part}"].double() for part in ("weight", "bias"))
        y = F.conv2d(x, weight, bias, padding=1)
        outputs[f"conv{block}_{k}"] = y[0].numpy()
        x = y.relu()
    return outputs


def test_activations_are_caffes_but_for_what_lies_outside(oxford, converted, image):
    beyond = 255 * IMAGENET_RGB[::-1] - OXFORD_BGR
    expected = caffe_activations(oxford, image, outside=beyond)
    activations = converted_activations(converted, image)
    for name in oxford:
        tolerance = 1e-5 if name < "conv4_1" else 5e-3  # the latter are float16
        scale = np.abs(expected[name]).max() / 57.375
        np.testing.assert_allclose(activations[name], expected[name] / 57.375, rtol=0, atol=tolerance * scale)


def test_first_layer_is_caffes_inside_and_nearly_so_at_the_border(oxford, converted, image):
    expected = caffe_activations(oxford, image, outside=np.zeros(3))["conv1_1"] / 57.375
    differences = np.abs(converted_activations(converted, image)["conv1_1"] - expected)
    assert differences[:, 1:-1, 1:-1].max() < 1e-5
    half_a_grey_level = 0.5 / 57.375 * np.abs(oxford["conv1_1"][0]).sum(axis=(1, 2, 3))
    assert differences.max() > 1e-4
    assert (differences.max(axis=(1, 2)) < half_a_grey_level).all()


def test_keys_and_types(converted):
    assert list(converted) == [f"features.{index}.{part}" for index in TORCHVISION_INDEX for part in ("weight", "bias")]
    types = [converted[f"features.{index}.{part}"].dtype for index in TORCHVISION_INDEX for part in ("weight", "bias")]
    assert types == [torch.float32] * 16 + [torch.float16] * 16


def test_both_kinds_of_models_give_the_same(oxford, converted, tmp_path):
    out = convert_vgg19(write(tmp_path / "today.caffemodel", oxford, today=True), tmp_path / "today.pth")
    state = torch.load(out, weights_only=True)
    assert all(torch.equal(state[key], value) for key, value in converted.items())


def test_what_is_no_vgg19(oxford, tmp_path):
    out = tmp_path / "vgg.pth"
    lacking = {name: blobs for name, blobs in oxford.items() if name != "conv3_4"}
    with pytest.raises(ValueError, match=r"vgg16\.caffemodel lacks weight and bias of conv3_4: it is no VGG-19"):
        convert_vgg19(write(tmp_path / "vgg16.caffemodel", lacking), out)
    without_bias = oxford | {"conv2_1": oxford["conv2_1"][:1]}
    with pytest.raises(ValueError, match=r"x\.caffemodel lacks weight and bias of conv2_1"):
        convert_vgg19(write(tmp_path / "x.caffemodel", without_bias), out)
    for wrong in (oxford["conv3_2"], (oxford["conv2_2"][0], np.zeros(4)), (np.zeros((5, 45)), np.zeros(5))):
        with pytest.raises(
            ValueError, match=r"x\.caffemodel has conv2_2 of shapes .*: \(C, 5, 3, 3\) and C values are"
        ):
            convert_vgg19(write(tmp_path / "x.caffemodel", oxford | {"conv2_2": wrong}), out)
    (tmp_path / "x.caffemodel").write_bytes(b"")
    with pytest.raises(ValueError, match=r"x\.caffemodel lacks weight and bias of conv1_1"):
        convert_vgg19(tmp_path / "x.caffemodel", out)
    assert not out.exists()


def test_a_cut_model_is_refused_wherever_it_is_cut(oxford, tmp_path):
    whole = caffe_model(oxford)
    for length in range(0, len(whole) - 100, 997):
        (tmp_path / "cut.caffemodel").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.caffemodel (lacks|is no Caffe model)"):
            convert_vgg19(tmp_path / "cut.caffemodel", tmp_path / "out.pth")
