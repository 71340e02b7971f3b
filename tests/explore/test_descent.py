"""Pixels that are optimised while one watches."""

from threading import Event

import pytest
import torch

from dsd import DSDLoss
from dsd.explore.descent import RATE, Descent, distance_to, own_norm
from dsd.explore.networks import load_network
from dsd.optimize import optimize
from dsd.quality.norms import summed_norm


def square(x):
    return x.square().mean()


def test_it_is_the_packages_optimisation():
    start, seen, ends = torch.rand(3, 8, 8), [], []
    Descent(start, square, lambda x, losses: seen.append((x, losses)), ends.append, steps=4).join()
    path = optimize(start[None], square, steps=4, learning_rate=RATE)
    assert [len(losses) for _, losses in seen] == [1, 2, 3, 4, 5]
    assert seen[-1][1] == path.losses
    assert torch.equal(seen[-1][0], path.image[0])
    assert torch.equal(seen[0][0], start)
    assert ends == [""]


def test_it_stops_when_it_is_told():
    begun, ends, steps = Event(), [], []

    def report(x, losses):
        steps.append(len(losses))
        begun.set()

    descent = Descent(torch.rand(3, 8, 8), square, report, ends.append, steps=10**9)
    assert begun.wait(60)
    descent.stop()
    done = len(steps)
    assert ends == [""]
    descent.stop()
    assert len(steps) == done


def test_what_goes_wrong_is_said():
    ends = []
    Descent(torch.rand(3, 8, 8), lambda x: x.mean() * float("nan"), lambda x, losses: None, ends.append).join()
    assert ends == ["optimising: the loss is nan at step 0"]


@pytest.mark.parametrize("alpha", [2, 4])
def test_the_losses(alpha):
    x, y = torch.rand(2, 3, 64, 64)
    network = load_network("lite", ("relu2_1", "relu2_2", "relu3_1"))
    torch.testing.assert_close(own_norm("lite", alpha)(x[None]), summed_norm(x[None], network, alpha))
    loss = distance_to(y, "lite", alpha)
    torch.testing.assert_close(loss(x[None]), DSDLoss(network, alphas=(alpha,))(x[None], y[None]))
    assert loss(y[None]).item() == 0
