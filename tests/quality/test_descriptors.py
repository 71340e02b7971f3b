import numpy as np
import pytest
import torch

from dsd import dsd_matrices, load_backbone
from dsd.data.views import Photographs
from dsd.gram import patch_gram
from dsd.quality.descriptors import all_distances, encode_views


def test_views_by_three_descriptors():
    views = Photographs.from_folder("embedded", resize=40, crop=32, count=3)
    network = load_backbone("lite", ["relu1_2", "relu2_1"], "random", device="cpu")
    rows, about = encode_views(views, network, 2, 3, batch_size=2)
    assert set(rows) == {*((of, layer) for of in ("Gram", "DSD") for layer in network.layers), ("RGB patches", "")}
    x = torch.stack([views[k] for k in range(3)])
    i, j = np.triu_indices(64)
    with torch.inference_mode():
        expected = dsd_matrices(x, network)["relu1_2", 2].numpy()[:, i, j]
    np.testing.assert_allclose(rows["DSD", "relu1_2"], expected, atol=1e-6)
    i, j = np.triu_indices(27)
    np.testing.assert_allclose(rows["RGB patches", ""], patch_gram(x, 3).numpy()[:, i, j], rtol=1e-5)
    assert len(about) == 3


@pytest.mark.parametrize(("distance", "order"), [("L1", 1), ("Euclidean", 2)])
def test_distances_are_those_of_whole_matrices(distance, order):
    whole = np.random.default_rng(0).normal(size=(5, 4, 4)).astype(np.float32)
    whole = whole + whole.transpose(0, 2, 1)
    expected = np.linalg.norm((whole[:, None] - whole[None]).reshape(5, 5, 16), ord=order, axis=2)
    i, j = np.triu_indices(4)
    found = all_distances(whole[:, i, j], distance)
    np.testing.assert_allclose(found, expected / (16 if order == 1 else 1), rtol=1e-4, atol=1e-3)
