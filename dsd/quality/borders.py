"""How much a network's padding changes Gram matrices.

A convolution needs values beyond the border of its input. A padding makes them up: zeros, or a mirror image. Here the
same square is encoded with several paddings, and once inside its photograph: real pixels take the padding's place.
"""

from collections.abc import Hashable, Mapping, Sequence

from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.descriptor import ByLayerAndAlpha, gram_matrices, reduce_scales
from dsd.gram import Normalize, gram_matrix, patch_gram
from dsd.resize import downscale

SURROUNDINGS = "surroundings"  # called like a padding: convolutions see the photograph around the square


def encode_scales(
    x: Tensor,
    networks: Mapping[str, Backbone],
    alpha: float,
    *,
    sides: Sequence[int],
    patch_sizes: Sequence[int] = (),
    surroundings: int = 0,
    normalize: Normalize = "chw",
) -> dict[tuple[int, str, str], tuple[Tensor, Tensor]]:
    """Gram matrices of x and of x↓alpha: of deep features (Eq. 1) with every padding, and of RGB patches (Eq. 3).

    Args:
        x: images, float (N, 3, H, H).
        networks: {padding: a network with that padding}.
        alpha: the scaling factor.
        sides: sides of squares in pixels. Each is cut out of the middle of the images and encoded.
        patch_sizes: sides of RGB patches in pixels. They are of the whole images.
        surroundings: width of a frame in pixels. The square inside the frame is encoded too: with every padding, and
            as `SURROUNDINGS` with the frame in the padding's place. 0: there is no frame.
        normalize: as for :func:`dsd.gram_matrix`.

    Returns:
        {(side, padding, descriptor): (N, C, C) of x, and of x↓alpha}. A descriptor is a layer, or ``n=5`` … for
        patches, whose padding is "none".

    Raises:
        ValueError: a square is larger than the images, or :func:`surrounded_grams` refuses `surroundings`.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> networks = {padding: VGG19Lite(("relu1_2",), padding=padding) for padding in ("zeros", "reflect")}
        >>> list(encode_scales(torch.rand(1, 3, 32, 32), networks, 2, sides=[16], patch_sizes=[5]))
        [(16, 'zeros', 'relu1_2'), (16, 'reflect', 'relu1_2'), (32, 'none', 'n=5')]
    """
    x = x.to(next(iter(networks.values())).device)
    inner = x.shape[-1] - 2 * surroundings
    squares = dict.fromkeys([*sides, inner] if surroundings else sides)
    if not 0 < min(squares) <= max(squares) <= x.shape[-1]:
        got = ", ".join(map(str, squares))
        raise ValueError(f"squares must have sides of 1 to {x.shape[-1]} pixels, the images' own; got {got}")
    grams = {
        (side, padding): gram_matrices(_middle(x, side), network, (1, alpha), normalize)
        for side in squares
        for padding, network in networks.items()
    }
    if surroundings:
        grams[inner, SURROUNDINGS] = surrounded_grams(x, next(iter(networks.values())), alpha, surroundings, normalize)
    encoded = {
        (side, padding, layer): (g, of_square[layer, alpha])
        for (side, padding), of_square in grams.items()
        for (layer, scale), g in of_square.items()
        if scale == 1
    }
    small = downscale(x, alpha)
    return encoded | {
        (x.shape[-1], "none", f"n={size}"): (patch_gram(x, size, normalize), patch_gram(small, size, normalize))
        for size in patch_sizes
    }


def surrounded_grams(
    x: Tensor, network: Backbone, alpha: float, surroundings: int, normalize: Normalize = "chw"
) -> ByLayerAndAlpha:
    """Gram matrices of the inner part of x and of x↓alpha. The network sees all of x.

    The features of a frame are left out. In a wide frame the padding ends: it reaches (receptive field − stride) / 2
    pixels far. For VGG-19's ReLU4_1 this is 30 pixels, of x↓alpha 30·alpha pixels of x.

    Args:
        x: images, float (N, 3, H, W).
        network: the backbone.
        alpha: the scaling factor.
        surroundings: width of the frame, in pixels of x.
        normalize: as for :func:`dsd.gram_matrix`.

    Returns:
        {(layer, 1 or alpha): (N, C, C)}.

    Raises:
        ValueError: `surroundings` is no multiple of alpha times the largest stride: the frame would cut positions.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> grams = surrounded_grams(torch.rand(1, 3, 32, 32), VGG19Lite(("relu1_2",)), 2, surroundings=8)
        >>> {key: tuple(g.shape) for key, g in grams.items()}
        {('relu1_2', 1): (1, 64, 64), ('relu1_2', 2): (1, 64, 64)}
    """
    step = alpha * max(network.strides[layer] for layer in network.layers)
    if surroundings % step:
        of = f"{step:g} pixels, alpha times the largest stride"
        raise ValueError(f"surroundings must be a multiple of {of}; got {surroundings}")

    def middle(scale: float, layer: str, features: Tensor) -> dict[Hashable, Tensor]:
        left_out = round(surroundings / (scale * network.strides[layer]))
        kept = features[..., left_out:-left_out, left_out:-left_out]
        return {(layer, scale): gram_matrix(kept, normalize)}

    return reduce_scales(x, network, dict.fromkeys((1, alpha), network.layers), middle)  # type: ignore[return-value]


def _middle(x: Tensor, side: int) -> Tensor:
    margin = (x.shape[-1] - side) // 2
    return x[..., margin : margin + side, margin : margin + side]
