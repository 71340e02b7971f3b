import pickle

import pytest
import torch

from dsd import VGG19Lite, create_metric
from dsd.quality.accumulated import ImageMetric


@pytest.fixture(scope="module")
def network():
    return VGG19Lite(("relu2_1",))


def test_is_the_mean_over_all_batches(network):
    x, y = torch.rand(2, 5, 3, 32, 32)
    metric = ImageMetric("dsd", backbone=network)
    for batch in (slice(0, 3), slice(3, 5)):
        metric.update(x[batch], y[batch])
    expected = create_metric("dsd", network)(x, y).double().mean()
    torch.testing.assert_close(metric.compute(), expected)
    assert metric.higher_is_better is False
    metric.reset()
    metric(x[:1], y[:1])
    torch.testing.assert_close(metric.compute(), create_metric("dsd", network)(x[:1], y[:1]).double().mean())


def test_adds_up_over_processes(network):
    x, y = torch.rand(2, 3, 3, 32, 32)
    one, two = (ImageMetric("psnr", device="cpu") for _ in range(2))
    one.update(x[:2], y[:2])
    two.update(x[2:], y[2:])
    one.merge_state(two)  # what torchmetrics does between processes, by each state's reduction
    torch.testing.assert_close(one.compute(), create_metric("psnr", device="cpu")(x, y).double().mean())
    assert one.higher_is_better


def test_moves_and_is_kept_with_its_network(network):
    metric = ImageMetric("dsd", backbone=network)
    assert network in metric.modules()
    assert isinstance(pickle.loads(pickle.dumps(ImageMetric("psnr", device="cpu"))), ImageMetric)


def test_a_collection_takes_it(network):
    from torchmetrics import MetricCollection

    metrics = MetricCollection({"dsd": ImageMetric("dsd", backbone=network), "psnr": ImageMetric("psnr", device="cpu")})
    x, y = torch.rand(2, 2, 3, 32, 32)
    metrics.update(x, y)
    assert set(metrics.compute()) == {"dsd", "psnr"}
