import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from dsd import VGG19, dsd_norm, natural
from dsd.data import Photographs, View, embedded_photographs


@pytest.fixture(scope="module")
def photographs():
    return Photographs([View(path, path.name) for path in embedded_photographs()[:5]], "few", resize=48, crop=32)


def test_statistics_written_out(photographs):
    x = torch.stack([photographs[k] for k in range(5)])
    found = {name: value.numpy() for name, value in natural.statistics(x).items()}
    for k, image in enumerate(x.double().numpy()):
        r, g, b = image
        y = 0.299 * r + 0.587 * g + 0.114 * b
        assert found["contrast"][k] == pytest.approx(y.std(), rel=1e-4)
        fine = y - gaussian_filter(y, 1, mode="mirror", radius=3)
        assert found["high-frequency energy"][k] == pytest.approx((fine**2).mean(), rel=1e-3)
        rg, yb = r - g, (r + g) / 2 - b
        colourfulness = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        assert found["colourfulness"][k] == pytest.approx(colourfulness, rel=1e-4, abs=1e-6)


def test_norms_are_those_of_each_view(photographs):
    networks = {"a": VGG19(("relu1_1", "relu1_2"), weights="random"), "b": VGG19(("relu1_2",), weights="random")}
    table = natural.norms(photographs, networks, 2, batch_size=2)
    assert list(table) == ["file", "group", "a", "b", *natural.STATISTICS]
    assert list(table.file) == [view.path.name for view in photographs.views]
    for k in range(5):
        values = dsd_norm(photographs[k][None], networks["a"])
        assert table.a[k] == pytest.approx(sum(value.item() for value in values.values()), rel=1e-4)
        assert table.b[k] == pytest.approx(values["relu1_2", 2].item(), rel=1e-4)


def test_summaries():
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.random((6, 4)), columns=["vgg19", *natural.STATISTICS]).assign(group=[*"aabbbc"])
    classes = natural.by_class(table, "vgg19")
    assert classes["mean"].is_monotonic_increasing
    assert classes.loc["b", "std"] == pytest.approx(table.vgg19[2:5].std())
    assert classes["count"].to_dict() == {"a": 2, "b": 3, "c": 1}
    found = natural.follows(table, ["vgg19"])
    assert found.loc["vgg19", "contrast"] == pytest.approx(spearmanr(table.vgg19, table.contrast).statistic)


def test_networks_by_name_or_file(tmp_path):
    networks = natural.load_networks("lite", [], ["relu2_1"], "random", precision="float32")
    assert networks["lite"].layers == ("relu2_1",)
    with pytest.raises(FileNotFoundError, match=r"no weight file at nowhere\.pth"):
        natural.load_networks("lite", ["nowhere.pth"], ["relu2_1"], "random")


def test_class_names():
    assert natural.class_names(["n03888257", "n01440764", "mine"]) == {
        "mine": "mine",
        "n01440764": "tench",
        "n03888257": "parachute",
    }
    names = natural.class_names([f"n{k:08}" for k in range(1000)])
    assert (names["n00000000"], names["n00000999"]) == ("tench", "toilet tissue")
