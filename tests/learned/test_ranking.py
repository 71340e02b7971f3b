import numpy as np
import pytest
import torch

from dsd.learned.batches import Batches, Measured
from dsd.learned.ranking import Learner, Ranking

WIDTHS = {"a": 2, "b": 3}


def learner(dropout=0.0, seed=0):
    return Learner(WIDTHS, lambda batch: (batch[0], batch[1]), dropout=dropout, seed=seed)


@pytest.fixture
def batch():
    return torch.rand(6, 5), torch.rand(6, 5), torch.rand(6)


def numpy_ranking(ranking, d0, d1):
    x = np.stack([d0, d1, d0 - d1, d0 / (d1 + 0.1), d1 / (d0 + 0.1)], axis=1)
    weights = [p.detach().double().numpy() for p in ranking.parameters()]
    for number, (w, b) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        x = x @ w.T + b
        if number < 2:
            x = np.where(x > 0, x, 0.2 * x)
    return x[:, 0]


def test_g_is_the_formula():
    ranking, (d0, d1) = Ranking(), torch.rand(2, 7)
    np.testing.assert_allclose(ranking(d0, d1).detach(), numpy_ranking(ranking, d0.numpy(), d1.numpy()), rtol=1e-4)


def test_the_loss_is_the_formula(batch):
    model = learner()
    m0, m1, share = (part.double().numpy() for part in batch)
    weights = np.array([0.5, 2, 1, 0, 3])
    model.relative.data.copy_(torch.tensor(weights))
    told = 1 / (1 + np.exp(-numpy_ranking(model.ranking, m0 @ weights, m1 @ weights)))
    expected = -(share * np.log(told) + (1 - share) * np.log(1 - told)).mean()
    np.testing.assert_allclose(model(batch, 1)["ranking"].item(), expected, rtol=1e-5)


def test_channels_are_left_out_of_both_images_alike(batch):
    m, _, share = batch
    model = learner(dropout=0.5)
    seen = []
    model.ranking.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    losses = [model((m, m, share), step).popitem()[1].item() for step in (1, 1, 2)]
    assert all(torch.equal(d0, d1) for d0, d1 in seen)
    assert losses[0] == losses[1] != losses[2]


def test_layers_begin_with_equal_parts_of_a_distance_of_one():
    channels = torch.rand(40, 5) * torch.tensor([1, 1, 100, 100, 100])
    triplets = Measured(channels, range(20), range(20, 40), [0.5] * 20)
    model = learner()
    model.set_scale(Batches(triplets, size=200, steps=5, seed=0))
    parts = (channels * model.heads()).mean(dim=0).split([2, 3])
    assert [part.sum().item() for part in parts] == pytest.approx([0.5, 0.5], rel=0.05)


def test_refuses_images_without_differences():
    triplets = Measured(torch.tensor([[1.0, 1, 0, 0, 0]] * 2), [0], [1], [0.5])
    with pytest.raises(ValueError, match="images must differ from their references at b; these are equal there"):
        learner().set_scale(Batches(triplets, size=4, steps=2, seed=0))


def test_weights_stay_at_least_zero():
    model = learner()
    model.relative.data.copy_(torch.tensor([-1.0, 0, 1, -0.5, 2]))
    model.clamp()
    assert model.heads().tolist() == [0, 0, 1, 0, 2]


def test_gradients_are_finite_where_images_are_equal(batch):
    model = learner()
    model((torch.zeros(6, 5), torch.zeros(6, 5), batch[2]), 1)["ranking"].backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
