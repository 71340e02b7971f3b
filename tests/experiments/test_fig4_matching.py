import pytest
import torch

from dsd import DSDPyramidLoss, StyleLoss
from dsd.experiments.fig4_matching import match, outcome, sharpness
from dsd.quality.statistics import gradient_energy, metric_q, noise_level


def test_each_result_is_judged_by_every_loss(backbone):
    content, reference = torch.rand(2, 1, 3, 16, 16)
    losses = {"DSD": DSDPyramidLoss(backbone), "style": StyleLoss(backbone, (1, 2, 4))}
    images, table = match(content, reference, losses, steps=3, learning_rate=1e-3, clamp=False)
    assert list(images) == ["content", "DSD", "style"]
    values = table.set_index(["image", "step", "quantity"]).value
    assert not values.index.duplicated().any()
    for name, loss in losses.items():
        for image, x in images.items():
            assert values[image, 0 if image == "content" else 3, name] == pytest.approx(loss(x, reference).item(), 1e-5)
        assert values[name, 0, name] == values["content", 0, name]
        assert values[name, 3, name] < values[name, 0, name]
    final = outcome(table)
    for name, loss in losses.items():
        for image, x in images.items():
            assert final[name][image] == pytest.approx(loss(x, reference).item(), 1e-5)


def test_a_finished_optimisation_is_not_done_again(backbone, tmp_path):
    content, reference = torch.rand(2, 1, 3, 16, 16)
    losses = {"DSD": DSDPyramidLoss(backbone), "style": StyleLoss(backbone, (1, 2, 4))}
    options = {"steps": 3, "learning_rate": 1e-3, "checkpoints": tmp_path / "new"}
    first, table = match(content, reference, losses, **options)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"DSD.pt", "style.pt"}
    calls = []
    losses["DSD"].register_forward_hook(lambda *_: calls.append(1))
    again, same = match(content, reference, losses, **options)
    assert len(calls) == 1 + 3  # the result's, and three images judged by it
    assert torch.equal(again["DSD"], first["DSD"])
    assert same.equals(table)


def test_how_sharp_pictures_are_is_measured_one_by_one():
    a, b = torch.rand(2, 3, 16, 24)
    measured = sharpness({"a": a, "b": b})
    assert list(measured.index) == ["a", "b"]
    for name, of in {"metric Q": metric_q, "noise level": noise_level, "gradient energy": gradient_energy}.items():
        assert measured[name].tolist() == pytest.approx([of(a[None]).item(), of(b[None]).item()])
