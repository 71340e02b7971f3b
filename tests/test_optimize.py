import sys

import numpy as np
import pytest
import torch

from dsd import DSDLoss
from dsd.optimize import optimize


def squares(x):
    return (x - 0.25).square().flatten(1).sum(1)


def start():
    return torch.rand(2, 3, 8, 8)


def test_adam_written_out():
    x = start()
    path = optimize(x, squares, steps=3, learning_rate=0.01, clamp=False)
    z, m, v = x.clone(), torch.zeros_like(x), torch.zeros_like(x)
    for step in range(1, 4):
        g = 2 * (z - 0.25)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        z = z - 0.01 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    torch.testing.assert_close(path.image, z)
    torch.testing.assert_close(torch.tensor(path.losses[-1]), squares(z).sum())


def test_gradient_descent_written_out():
    x = start()
    path = optimize(x, squares, steps=2, learning_rate=0.1, optimizer="SGD", clamp=False)
    torch.testing.assert_close(path.image, 0.25 + (x - 0.25) * 0.8**2)


def test_keeps_losses_and_snapshots():
    x = start()
    path = optimize(x, squares, steps=10, learning_rate=0.01, snapshots=(0, 4, 10))
    assert len(path.losses) == 11
    assert list(path.snapshots) == [0, 4, 10]
    assert torch.equal(path.snapshots[0], x)
    assert torch.equal(path.snapshots[10], path.image)
    assert path.losses == sorted(path.losses, reverse=True)
    for step, image in path.snapshots.items():
        assert squares(image).sum().item() == pytest.approx(path.losses[step])


def test_leaves_the_start_alone_and_needs_no_steps():
    x = start()
    before = x.clone()
    assert torch.equal(optimize(x, squares, steps=0, learning_rate=1).image, before)
    optimize(x, squares, steps=2, learning_rate=1, residual_std=0.1)
    assert torch.equal(x, before)


def test_halves_the_step():
    """Adam's steps on a linear loss are the learning rate itself."""
    x = torch.full((1, 3, 4, 4), 0.9)
    path = optimize(x, lambda z: z.sum(), steps=4, learning_rate=0.1, halve_every=2)
    torch.testing.assert_close(path.image, x - 0.1 - 0.1 - 0.05 - 0.05)


def test_clamps():
    assert optimize(start(), lambda x: -x.sum(), steps=9, learning_rate=0.3).image.max() == 1
    assert optimize(start(), lambda x: -x.sum(), steps=9, learning_rate=0.3, clamp=False).image.max() > 1.5


def test_the_seed_decides():
    a, b, c = (
        optimize(start() * 0 + 0.5, squares, steps=1, learning_rate=0.01, residual_std=0.1, seed=s) for s in (0, 0, 1)
    )
    assert torch.equal(a.image, b.image)
    assert not torch.equal(a.image, c.image)
    assert (a.image - 0.5).std() == pytest.approx(0.1, rel=0.2)


def test_images_of_a_batch_do_not_meet(backbone):
    x, y = start().repeat(1, 1, 2, 2), torch.rand(2, 3, 16, 16)
    loss = DSDLoss(backbone, reduction="none")
    target = loss.encode(y)
    together = optimize(x, lambda z: loss(z, target), steps=3, learning_rate=1e-3).image
    for k in range(2):
        alone = {key: value[k : k + 1] for key, value in target.items()}
        one = optimize(x[k : k + 1], lambda z, alone=alone: loss(z, alone), steps=3, learning_rate=1e-3).image
        torch.testing.assert_close(together[k : k + 1], one, rtol=1e-4, atol=1e-4)


def test_goes_on_where_it_was_killed(tmp_path):
    x, checkpoint = start(), tmp_path / "checkpoint.pt"
    options = {"steps": 250, "learning_rate": 0.01, "halve_every": 90, "residual_std": 0.1, "snapshots": (0, 150, 230)}
    undisturbed = optimize(x, squares, **options)
    calls = 0

    def killed(z):
        nonlocal calls
        calls += 1
        if calls > 220:
            raise KeyboardInterrupt
        return squares(z)

    with pytest.raises(KeyboardInterrupt):
        optimize(x, killed, checkpoint=checkpoint, **options)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is of another run: seed is 0 there and 1 here"):
        optimize(x, squares, seed=1, checkpoint=checkpoint, **options)
    calls = 220 - 51  # what is left from step 200 to 250; more would fail
    resumed = optimize(x, killed, checkpoint=checkpoint, **options)
    assert torch.equal(resumed.image, undisturbed.image)
    assert resumed.losses == undisturbed.losses
    assert all(torch.equal(resumed.snapshots[step], image) for step, image in undisturbed.snapshots.items())
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"flipped\.pt is damaged"):
        optimize(x, squares, checkpoint=tmp_path / "flipped.pt", **options)
    calls = 219  # the result itself was kept
    assert torch.equal(optimize(x, killed, checkpoint=checkpoint, **options).image, undisturbed.image)


def test_numbers_of_numpy_are_taken_and_come_back_from_a_checkpoint(tmp_path):
    options = {"steps": np.int64(2), "learning_rate": np.float32(0.125), "halve_every": np.int64(1)}
    options |= {"snapshots": np.array([1]), "residual_std": np.float64(0), "seed": np.int64(0)}
    x = start()
    first, again = (optimize(x, squares, checkpoint=tmp_path / "a.pt", **options) for _ in range(2))
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.image, optimize(x, squares, steps=2, learning_rate=0.125, halve_every=1).image)


@pytest.mark.parametrize("caller", ["none", "tf32"])
def test_whole_steps_are_in_full_precision(caller):
    """The backward pass of convolutions follows the setting at the time; the caller's own comes back."""
    setting, process = torch.backends.cudnn.conv, torch.backends.fp32_precision
    seen = []

    def loss(x):
        y = torch.nn.functional.conv2d(x, torch.ones(1, 3, 2, 2))
        seen.append(("forward", setting.fp32_precision))
        if y.requires_grad:
            y.register_hook(lambda _: seen.append(("backward", setting.fp32_precision)))
        assert y.dtype == torch.float32  # not autocast's
        return y.sum()

    torch.backends.fp32_precision = caller
    try:
        before = setting.fp32_precision
        with torch.autocast("cpu", dtype=torch.bfloat16):
            optimize(start(), loss, steps=1, learning_rate=0.1)
        assert setting.fp32_precision == before
    finally:
        torch.backends.fp32_precision = process
    assert seen == [("forward", "ieee"), ("backward", "ieee"), ("forward", "ieee")]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"start": torch.rand(1, 3, 8, 8).numpy()}, TypeError, "start must be a torch.Tensor .*, got ndarray"),
        *(
            ({"steps": steps}, ValueError, f"steps must be an integer of at least 0, got {steps!r}")
            for steps in (-1, 2.0, "3", None, True)
        ),
        *(
            ({"learning_rate": rate}, ValueError, f"learning_rate must be a finite number of at least 0, got {rate!r}")
            for rate in (-1, "0.1", None, float("nan"))
        ),
        ({"residual_std": -0.1}, ValueError, "residual_std must be a finite number of at least 0, got -0.1"),
        ({"seed": "a"}, ValueError, "seed must be an integer of at least 0, got 'a'"),
        ({"seed": 10**30}, ValueError, f"seed must be at most {sys.maxsize}, got {10**30}"),
        ({"start": start().to("meta")}, ValueError, r"start must have values in \[0, 1\], got a tensor on meta"),
        ({"snapshots": [[2]]}, ValueError, r"snapshots must be steps from 0 to 3, got \[\[2\]\]"),
        ({"loss": None}, TypeError, "loss must be a function of images, got NoneType"),
        ({"loss": lambda x: 3.0}, TypeError, "loss must return a torch.Tensor, got float"),
        ({"loss": lambda x: x.detach().sum()}, ValueError, "loss must depend on the images that it is given"),
        ({"optimizer": "Newton"}, ValueError, "optimizer must be one of Adam, SGD; got 'Newton'"),
        ({"optimizer": None}, ValueError, "optimizer must be one of Adam, SGD; got None"),
        ({"snapshots": 2}, TypeError, "snapshots must be a collection of steps, got 2"),
        ({"snapshots": "12"}, TypeError, "snapshots must be a collection of steps, got '12'"),
        ({"snapshots": [1.5, "a"]}, ValueError, r"snapshots must be steps from 0 to 3, got \[1.5, 'a'\]"),
        ({"snapshots": (2, 9, -1)}, ValueError, r"snapshots must be steps from 0 to 3, got \[-1, 9\]"),
        ({"halve_every": 0}, ValueError, "halve_every must be an integer of at least 1, got 0"),
        ({"start": torch.rand(3, 8, 8)}, ValueError, r"start must have shape \(N, 3, H, W\)"),
        ({"start": 2 * torch.ones(1, 3, 8, 8)}, ValueError, r"start must have values in \[0, 1\]"),
        ({"loss": lambda x: x.sum() / 0}, FloatingPointError, "a title: the loss is inf at step 0"),
    ],
)
def test_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        optimize(
            **{"start": start(), "loss": squares, "steps": 3, "learning_rate": 1, "description": "a title", **arguments}
        )
