import numpy as np
import pytest

from dsd.data.caffe import read_caffe_model
from tests.data.caffe_writer import blob_of_2014, blob_of_today, caffe_model, field

GENERATOR = np.random.default_rng(0)
LAYERS = {
    "conv1_1": (GENERATOR.normal(size=(5, 3, 3, 3)), GENERATOR.normal(size=5)),
    "fc": (GENERATOR.normal(size=(200, 2)),),
}


@pytest.mark.parametrize(
    ("today", "blob"),
    [
        (False, blob_of_2014),
        (True, blob_of_today),
        (True, lambda array: blob_of_today(array, packed=False)),
    ],
)
def test_reads_layers_of_both_kinds(tmp_path, today, blob):
    (tmp_path / "x.caffemodel").write_bytes(caffe_model(LAYERS, today, blob))
    layers = read_caffe_model(tmp_path / "x.caffemodel")
    assert list(layers) == list(LAYERS)
    for name, arrays in LAYERS.items():
        assert len(layers[name]) == len(arrays)
        for read, array in zip(layers[name], arrays, strict=True):
            assert read.dtype == np.float32
            assert read.shape == (array.shape if today else (1,) * (4 - array.ndim) + array.shape)
            np.testing.assert_array_equal(read.squeeze(), array.astype(np.float32))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (caffe_model(LAYERS)[:-1], "it ends too early"),
        (caffe_model(LAYERS)[:1000], "it ends too early"),
        (b"\x12\xff", "it ends too early"),
        (b"name: 'VGG_ILSVRC_19_layers'", "a field is of the unknown kind 6"),
        (b"<html>not found</html>", "a field is of the unknown kind 4"),
        (field(2, field(4, b"\xff\xfe")), "utf-8"),
        (field(2, field(6, field(1, 3) + field(5, bytes(4)))), r"an array of shape \(3, 0, 0, 0\) has 1 values"),
        (field(100, field(7, field(7, field(1, b"\x02\x03")) + field(5, bytes(20)))), r"shape \(2, 3\) has 5 values"),
        (field(2, field(6, field(7, field(1, 1)) + field(5, bytes(3)))), "buffer size must be a multiple"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, expected):
    path = tmp_path / "x.caffemodel"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.caffemodel is no Caffe model, or is damaged: .*{expected}"):
        read_caffe_model(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no Caffe model at .*x\.caffemodel"):
        read_caffe_model(tmp_path / "x.caffemodel")
