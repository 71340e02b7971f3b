import pytest
import torch

from dsd.backbones.lite import CHANNELS, VGG19Lite
from dsd.distil.batches import SHAPES
from dsd.distil.losses import SELDOM, compared, distillation_losses

ONES = {layer: torch.ones(channels) for layer, channels in CHANNELS.items()}


def test_losses_are_zero_for_a_perfect_student():
    student = VGG19Lite(weights="random")
    losses = distillation_losses(student, student, torch.rand(4, 3, 32, 32), ONES)
    assert list(losses) == ["features", "gram", "dsd", "pair"]
    assert all(value == 0 for value in losses.values())


def test_losses_are_of_the_students_layers_and_of_the_steps_images():
    student, teacher = (VGG19Lite(weights="random") for _ in range(2))
    student.layers = student.layers[1:]
    student.heads["relu1_2"].weight.zero_()
    x = torch.rand(8, 3, 32, 32)
    assert distillation_losses(student, teacher, x, ONES)["gram"] == 0
    student.heads["relu2_1"].weight.zero_()
    a, b, c = (distillation_losses(student, teacher, x, ONES, step) for step in (0, 8, 64))
    assert a["features"] == c["features"] != b["features"]
    assert a["gram"] == b["gram"] > 0


@pytest.mark.parametrize("layer", CHANNELS)
def test_features_of_photographs_and_of_distorted_ones_are_compared_at_every_size(layer):
    steps = range(0, 64 * SELDOM, SELDOM if layer == "relu1_2" else 1)
    for shape in {(step - 1) % len(SHAPES) for step in steps}:
        count = SHAPES[shape][0]
        seen = (compared(layer, count, step) for step in steps if (step - 1) % len(SHAPES) == shape)
        assert set().union(*seen) == set(range(count))
