import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from dsd.data.images import embedded_photographs
from dsd.data.views import Photographs, View
from dsd.quality.statistics import STATISTICS, statistics


def test_statistics_written_out():
    views = [View(path, path.name) for path in embedded_photographs()[:5]]
    photographs = Photographs(views, "few", resize=48, crop=32)
    x = torch.stack([photographs[k] for k in range(5)])
    values = {name: value.numpy() for name, value in statistics(x).items()}
    for k, image in enumerate(x.double().numpy()):
        r, g, b = image
        y = 0.299 * r + 0.587 * g + 0.114 * b
        assert values["contrast"][k] == pytest.approx(y.std(), rel=1e-4)
        fine = y - gaussian_filter(y, 1, mode="mirror", radius=3)
        assert values["high-frequency energy"][k] == pytest.approx((fine**2).mean(), rel=1e-3)
        rg, yb = r - g, (r + g) / 2 - b
        colourfulness = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        assert values["colourfulness"][k] == pytest.approx(colourfulness, rel=1e-4, abs=1e-6)
    assert tuple(values) == STATISTICS
