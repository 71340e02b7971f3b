"""A synthetic 2AFC set: the order of each triplet is known, no person was asked."""

import random
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from torch import Tensor

from dsd.data.bapps import FOLDERS, JudgedImages
from dsd.data.images import save_image, to_uint8
from dsd.data.traditional import KINDS, TRADITIONAL, distort
from dsd.data.views import Photographs

NAME = "synthetic 2AFC, no person asked"
COMBINATIONS = "two in sequence"


def write_synthetic(
    photographs: Photographs, folder: Path, *, each: int, combined: int, gap: float, seed: int = 0
) -> JudgedImages:
    """Write triplets in BAPPS's layout: a view, and twice the same distortion of it, once by `gap` stronger.

    By construction the weaker one is the closer one. Both have the same pattern: the same direction, the same noise.
    So this asks whether a measure follows the strength of a distortion. It does not ask whether it agrees with people.

    Args:
        photographs: the views; triplets take them in turn. A view that both strengths leave alike in 8 bits (a grey
            one has no saturation) is passed over.
        folder: where to.
        each: triplets of each of the 20 kinds of distortion. Subsets are the groups of kinds.
        combined: triplets of two different kinds in sequence, drawn at random; a subset of their own.
        gap: difference of the strengths; the weaker one is drawn from 0.1 to 1 − `gap`.
        seed: of strengths, patterns, combinations, and of which image comes first.

    Returns:
        The triplets; `folder` can be read with :meth:`.JudgedImages.read`.

    Raises:
        ValueError: no triplet is wanted; `gap` is not between 0 and 0.9; or a distortion leaves all views alike.
    """
    if min(each, combined) < 0 or max(each, combined) == 0:
        raise ValueError(f"each and combined must be at least 0 and not both 0, got {each} and {combined}")
    if not 0 < gap <= 0.9:
        raise ValueError(f"gap must be above 0 and at most 0.9, got {gap!r}")
    generator = random.Random(seed)
    pairs = [[one, other] for one, other in product(KINDS, KINDS) if one != other]
    wanted = [(group, [kind]) for group, kinds in TRADITIONAL.items() for kind in kinds for _ in range(each)]
    wanted += [(COMBINATIONS, generator.choice(pairs)) for _ in range(combined)]
    turn = 0
    for number, (group, kinds) in enumerate(wanted):
        weak = generator.uniform(0.1, 1 - gap)
        pattern, second_is_closer = generator.randrange(2**31), generator.random() < 0.5
        for _ in range(len(photographs)):
            x = photographs[turn % len(photographs)]
            turn += 1
            images = [distort(x, kinds, strength, pattern) for strength in (weak, weak + gap)]
            if not np.array_equal(to_uint8(images[0]), to_uint8(images[1])):
                break
        else:
            raise ValueError(f"{photographs.name} has no view that {' and '.join(kinds)} changes")
        shown = dict(zip(FOLDERS["2afc"], [x, *(images[::-1] if second_is_closer else images)], strict=False))
        _write(folder / "2afc" / "val" / group, f"{number:06}", shown, float(second_is_closer))
    judged = JudgedImages.read(folder, "2afc")
    in_order = sorted(judged.judgements, key=lambda judgement: judgement.reference.name)
    return replace(judged, name=NAME, judgements=in_order, by_people=False)


def _write(folder: Path, number: str, images: dict[str, Tensor], share: float) -> None:
    for kind, image in images.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        save_image(image, folder / kind / f"{number}.png")
    (folder / "judge").mkdir(exist_ok=True)
    np.save(folder / "judge" / f"{number}.npy", np.array([share]))
