import numpy as np
import pytest
import torch

from dsd import VGG19Lite, downscale, dsd_attribution, dsd_norm, load_image
from dsd.data.images import find_image
from dsd.data.views import crop_square


@pytest.fixture(scope="module")
def photograph():
    return crop_square(load_image(find_image("astronaut.png")), 64, (0.1, 0.45))


def numpy_shares(large, small):
    """Σ_ij sign(D_ij) (what each place adds to D_ij) / C², a place of the small grid cut into many pieces."""
    channels = len(large)
    grams = [np.einsum("ihw,jhw->ij", f, f) / f.size for f in (large, small)]
    signs = np.sign(grams[0] - grams[1]) / channels**2
    maps = [np.einsum("ihw,ij,jhw->hw", f, signs, f) / f.size for f in (large, small)]
    (height, width), pieces = maps[0].shape, maps[1].shape
    spread = np.kron(maps[1], np.ones((height, width))) / (height * width)  # every cell: height × width pieces
    return maps[0] - spread.reshape(height, pieces[0], width, pieces[1]).sum((1, 3))


@pytest.mark.parametrize(("alpha", "size"), [(2, (32, 24)), (1.5, (33, 26)), (4, (32, 40))])
def test_equals_the_sum_over_places_in_numpy(backbone, alpha, size):
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    shares = dsd_attribution(x, backbone, alpha)
    scales = [backbone(image) for image in (x, downscale(x, alpha))]
    assert list(shares) == list(backbone.layers)
    for layer, map_ in shares.items():
        assert map_.shape == (2, *scales[0][layer].shape[2:])
        for index in range(2):
            expected = numpy_shares(*(scale[layer][index].double().numpy() for scale in scales))
            np.testing.assert_allclose(map_[index], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("normalize", ["chw", "hw"])
@pytest.mark.parametrize("alpha", [2, 2.5])
def test_shares_add_up_to_the_norm(backbone, photograph, alpha, normalize):
    x = torch.stack([photograph, photograph.flip(2) ** 2])
    norms = dsd_norm(x, backbone, (alpha,), normalize)
    for layer, map_ in dsd_attribution(x, backbone, alpha, normalize).items():
        torch.testing.assert_close(map_.sum(dim=(1, 2)), norms[layer, alpha], rtol=1e-4, atol=0)


def test_batch_equals_loop_and_double_is_kept(photograph):
    backbone = VGG19Lite(("relu1_2",), weights="random").double()
    x = torch.stack([photograph, photograph.flip(1)]).double()
    (together,) = dsd_attribution(x, backbone).values()
    assert together.dtype == torch.float64
    loop = torch.cat([dsd_attribution(image[None], backbone)["relu1_2"] for image in x])
    torch.testing.assert_close(together, loop)


def test_a_constant_image_has_shares_at_its_borders_only():
    backbone = VGG19Lite(("relu1_2",))  # pads, which makes the borders of a constant image differ
    (map_,) = dsd_attribution(torch.full((1, 3, 64, 64), 0.5), backbone).values()
    inside, border = map_[0, 8:-8, 8:-8], map_[0, 0]
    assert inside.std() < 1e-3 * border.abs().max()


def test_detail_counts_where_it_is():
    x = torch.full((1, 3, 64, 64), 0.5)
    x[..., 40:56, 8:24] = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    (map_,) = dsd_attribution(x, VGG19Lite(("relu1_2",))).values()
    assert map_[0, 38:58, 6:26].sum() > 0.8 * map_.sum()


def test_gradients_are_finite(backbone):
    x = torch.zeros(1, 3, 32, 32, requires_grad=True)
    sum(map_.square().sum() for map_ in dsd_attribution(x, backbone).values()).backward()
    assert x.grad.isfinite().all()


def test_errors(backbone):
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(ValueError, match="alpha"):
        dsd_attribution(x, backbone, 1)
    with pytest.raises(ValueError, match=r"x must .*\[0, 1\]"):
        dsd_attribution(2 * x + 1, backbone)
    with pytest.raises(ValueError, match="normalize"):
        dsd_attribution(x, backbone, normalize="c")
    with pytest.raises(TypeError, match="backbone"):
        dsd_attribution(x, None)
