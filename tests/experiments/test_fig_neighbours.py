import numpy as np
import pytest
import torch
from PIL import Image

from dsd import load_backbone
from dsd.descriptor import gram_matrices
from dsd.experiments import fig_neighbours, provenance
from dsd.experiments.style import WIDTHS


@pytest.fixture
def images(tmp_path):
    """Eight noisy images, and three classes of four."""
    random = np.random.default_rng(0)
    for name in [*(f"flat/{k}" for k in range(8)), *(f"classes/n0000000{k}/{n}" for k in range(3) for n in range(4))]:
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, random.integers(64, 256), (40, 40, 3), np.uint8)).save(path)
    return tmp_path


@pytest.fixture
def parameters(parameters_of, images):
    size = {"resize": 40, "crop": 32, "count": None, "class_count": None, "crops": 1, "shown": 2, "counts": [1, 3]}
    folders = {"images": str(images / "flat"), "class_images": str(images / "classes")}
    return parameters_of("fig-neighbours", layers=["relu2_1", "relu1_2"], queries=4, **size, **folders)


def test_neighbours_are_those_of_whole_matrices(parameters, tmp_path):
    result = provenance.load_or_compute(fig_neighbours, parameters, tmp_path / "out")
    photographs, _ = fig_neighbours.load_photographs(**parameters)
    network = load_backbone("lite", ["relu2_1", "relu1_2"], "random", device="cpu")
    with torch.inference_mode():
        grams = gram_matrices(torch.stack([photographs[k] for k in range(8)]), network, (1, 2.0))
    whole = {"Gram": grams["relu2_1", 1].numpy(), "DSD": (grams["relu2_1", 1] - grams["relu2_1", 2.0]).numpy()}
    near = result.table[result.table.panel == "neighbours"]
    assert list(near.descriptor.unique()) == ["DSD", "Gram", "RGB patches"]
    for name, matrices in whole.items():
        distances = np.abs(matrices[:, None] - matrices[None]).mean(axis=(2, 3))
        expected = [np.argsort(distances[query])[1:3].tolist() for query in range(4)]
        of = near[near.descriptor == name]
        assert of.view.astype(int).to_numpy().reshape(4, 2).tolist() == expected


def test_both_sets_every_layer_and_distance(parameters, tmp_path):
    result = provenance.load_or_compute(fig_neighbours, parameters, tmp_path / "out")
    agreement = result.table[result.table.panel == "agreement"]
    assert len(agreement) == 2 * 2 * 2 * 2 * (4 + 2) * 4
    chance = agreement[(agreement.descriptor == "Chance") & (agreement.quantity == "same class")]
    assert set(chance[chance.images == "images"].value) == {0}  # every photograph is its own class
    assert chance[chance.images == "class_images"].value.to_numpy() == pytest.approx(3 / 11, abs=1e-5)


def test_draws_queries_and_dots(parameters, tmp_path):
    result = provenance.load_or_compute(fig_neighbours, parameters, tmp_path / "out")
    for width, inches in WIDTHS.items():
        figure = fig_neighbours.draw(result, width)
        assert figure.get_figwidth() == inches
        pictures = [axis for axis in figure.findobj(lambda at: hasattr(at, "get_images")) if axis.get_images()]
        assert len(pictures) == (4 * (1 + 3 * 2) if width == "page" else 3 * 3 * (1 + 2))
    caption = fig_neighbours.caption(result)
    assert "their 2 nearest of 8" in caption
    assert "above Gram" in caption


def test_one_set_is_not_measured_twice(parameters, tmp_path):
    parameters |= {"class_images": parameters["images"]}
    result = provenance.load_or_compute(fig_neighbours, parameters, tmp_path / "out")
    assert set(result.table.images) == {"images"}
    assert fig_neighbours.draw(result)


def test_refuses_too_few_views_and_other_images(parameters, images, tmp_path):
    with pytest.raises(ValueError, match="flat must have more than 8 views, it has 8"):
        provenance.load_or_compute(fig_neighbours, parameters | {"counts": [8]}, tmp_path / "out")
    result = provenance.load_or_compute(fig_neighbours, parameters, tmp_path / "out")
    (images / "flat" / "0.png").rename(images / "flat" / "another.png")
    with pytest.raises(ValueError, match="flat is not what the figure was made from"):
        fig_neighbours.draw(result)
