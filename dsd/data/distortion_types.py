"""Which distortion a rated image has, where the name of its file says so."""

import re

# TID2013's distortions by their number, in short words.
TID2013 = (
    *("white noise", "chroma noise", "correlated noise", "masked noise", "high-frequency noise", "impulse noise"),
    *("quantization", "Gaussian blur", "denoising", "JPEG", "JPEG 2000", "JPEG errors", "JPEG 2000 errors"),
    *("pattern noise", "local blocks", "mean shift", "contrast", "saturation", "multiplicative noise"),
    *("comfort noise", "noise, compressed", "dithering", "chromatic aberration", "sparse sampling"),
)


def type_in_name(stem: str) -> str:
    """The distortion that TID2013's or PieAPP's way of naming files tells; "" for any other name.

    Args:
        stem: of the file: ``i02_08_5`` (reference, distortion, level) or ``distort_7_blur_inter_0``.

    Reference:
        Ponomarenko et al., "Image database TID2013: peculiarities, results and perspectives", 2015, Table 1.

    Example:
        >>> type_in_name("i02_08_5"), type_in_name("distort_7_gaussian_blur_inter_0"), type_in_name("img1")
        ('Gaussian blur', 'gaussian_blur', '')
    """
    if match := re.fullmatch(r"i\d\d_(0[1-9]|1\d|2[0-4])_\d", stem, re.IGNORECASE):
        return TID2013[int(match[1]) - 1]
    match = re.fullmatch(r"distort_\d+_(.+)_(?:inter|intra)_\d+", stem)
    return match[1] if match else ""
