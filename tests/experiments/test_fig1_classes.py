from dataclasses import replace

import pandas as pd
import pytest
import torch.nn.functional as F

from dsd import VGG19
from dsd.data.images import embedded_photographs
from dsd.data.views import Photographs, View
from dsd.experiments import fig1_classes as classes
from dsd.experiments import provenance
from dsd.experiments.style import WIDTHS
from dsd.quality.classifiers import photograph_classifier


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=60, crop=48, count=12, crops=2)


@pytest.fixture(scope="module")
def classifier(photographs):
    return photograph_classifier(photographs, VGG19(("relu2_1",), weights="random"), batch_size=5)


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
    kinds = {"x": 1, "y": 1, "z": 2, "w": 1}
    far = classes.changes(table, kinds).set_index(["file", "enlarged"]).far
    assert far.to_dict() == {("a", False): 0.5, ("a", True): 0.5, ("b", False): 0, ("b", True): 0}
    found = classes.striking(table, 2, 5)
    assert found.view.tolist() == [1, 2]  # of a photograph the surest view only
    assert found.label_small.tolist() == ["z", "w"]
    assert classes.striking(labelled(*3 * [["x.9", "x.8", "x.7"]]), 2, 5).empty


def test_one_view_of_class_folders_each(tmp_path, classifier):
    view = View(embedded_photographs()[0], "class")
    table = classes.classify(Photographs([view], "one", resize=None, crop=48), classifier, [1.5])
    assert table.group.unique() == ["class"]


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


@pytest.fixture
def result(parameters_of, tmp_path):
    parameters = parameters_of("fig1", resize=48, crop=32, count=20, crops=2, alphas=[2], alpha=4, shown=3)
    return provenance.load_or_compute(classes, parameters, tmp_path)


def test_labels_that_are_photographs_are_neither_near_nor_far(result):
    for width, inches in WIDTHS.items():
        figure = classes.draw(result, width)
        assert figure.get_figwidth() == inches
        legend = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
        assert legend == ["downscaled", "enlarged again"]
        assert not any("near" in title or "far" in title for title in titles(figure))
    changed = classes.changes(result.table).query("alpha == 4 and not enlarged").changed.mean()
    assert classes.caption(result).endswith(f"Downscaled by 4, {changed:.0%} change.")


def test_imagenets_labels_are_near_or_far(result):
    labels = result.table.alpha.map({2.0: "pay-phone", 4.0: "pay-phone"}).fillna("cash machine")
    labels[(result.table.alpha == 4) & (result.table["view"] % 4 == 0)] = "baboon"
    of_vgg19 = dict(result.provenance) | {"parameters": dict(result.parameters) | {"backbone": "vgg19"}}
    result = replace(result, table=result.table.assign(label=labels), provenance=of_vgg19)
    for width in WIDTHS:
        figure = classes.draw(result, width)
        assert len(figure.axes[-1].get_legend().get_texts()) == 4
        small = [title for title in titles(figure) if "near" in title or "far" in title]
        assert len(small) == 3
        assert all(title.endswith(", far" if title.startswith("baboon") else ", near") for title in small)
        far = [bar.get_height() for container in figure.axes[-1].containers[2:] for bar in container]
        assert far == pytest.approx([0, 25, 0, 25])
    assert "100% change, and 25% go far: to another of 22 kinds" in classes.caption(result)
