import matplotlib.pyplot as plt
import pytest
import torch

from dsd import DSDPyramidLoss, StyleLoss
from dsd.experiments import fig4_matching, provenance, style
from dsd.experiments.fig4_matching import match, outcome, sharpness
from dsd.quality.statistics import gradient_energy, metric_q, noise_level

LOSSES = ("DSD", "Style pyramid")


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


@pytest.mark.parametrize("width", ["page", "column"])
def test_figure_and_caption_have_the_numbers(parameters_of, tmp_path, width):
    style.use_style()
    parameters = parameters_of("fig4", layers=["relu1_2"], steps=2, resize=48, crop=32)
    result = provenance.load_or_compute(fig4_matching, parameters, tmp_path)
    figure = fig4_matching.draw(result, width)
    assert figure.get_figwidth() == style.figure_width(width)
    assert all(text.get_fontsize() >= 7 for text in figure.findobj(plt.Text))
    *_, left, sharp = figure.axes
    final, measured = outcome(result.table), sharpness(result.images)
    remaining = [final[loss][image] / final[loss]["content"] for image in LOSSES for loss in LOSSES]
    assert [bar.get_height() for bar in left.patches] == pytest.approx(remaining)
    for line, image in zip(sharp.lines, [*LOSSES, "content"], strict=False):
        relative = measured.loc[image] / measured.loc["reference"]
        assert list(line.get_xdata()) == pytest.approx(list(relative))
    ratio = measured.loc["DSD"] / measured.loc["Style pyramid"]
    for what, value in ratio.items():
        assert f"{value:.2f} times the {'$Q$' if what == 'metric Q' else what}" in fig4_matching.caption(result)
