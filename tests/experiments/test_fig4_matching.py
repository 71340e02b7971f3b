import pytest
import torch

from dsd import DSDPyramidLoss, StyleLoss
from dsd.experiments.fig4_matching import gradient_energy, match, outcome


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
    assert values["reference", 0, "gradient energy"] == pytest.approx(gradient_energy(reference).item())


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


def test_gradient_energy_written_out():
    x = torch.rand(2, 3, 5, 6)
    y = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    expected = ((y[:, :, 1:] - y[:, :, :-1]) ** 2).mean((1, 2)) + ((y[:, 1:] - y[:, :-1]) ** 2).mean((1, 2))
    torch.testing.assert_close(gradient_energy(x), expected)
    assert gradient_energy(torch.full((1, 3, 4, 4), 0.3)) == 0
