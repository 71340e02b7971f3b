import pandas as pd
import pytest
import torch.nn.functional as F

from dsd import VGG19
from dsd.data.images import embedded_photographs
from dsd.data.views import Photographs, View
from dsd.experiments import fig1_classes as classes
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
    found = classes.striking(table, 2, 5)
    assert found.view.tolist() == [1, 2]  # of a photograph the surest view only
    assert found.label_small.tolist() == ["z", "w"]
    assert classes.striking(labelled(*3 * [["x.9", "x.8", "x.7"]]), 2, 5).empty


def test_one_view_of_class_folders_each(tmp_path, classifier):
    view = View(embedded_photographs()[0], "class")
    table = classes.classify(Photographs([view], "one", resize=None, crop=48), classifier, [1.5])
    assert table.group.unique() == ["class"]
