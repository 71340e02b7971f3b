"""ImageNet's classes: their names, and their kinds.

Two classes are near where they are of one kind, far where they are of two. A class is of the first kind below whose
words in WordNet 3.0 (Princeton University) are hypernyms of it:

fish · bird · amphibian · reptile · arthropod · invertebrate · dog · feline · primate · ungulate · mammal · musical
instrument · conveyance · sports equipment, game equipment · clothing, footwear · furnishing · structure · container,
kitchen utensil · device, equipment, implement, appliance · food, produce, plant, fungus, plant part · geological
formation, natural object · anything else.

WordNet has odd places: a menu is food, and a television is something else.
"""

import re
from collections.abc import Collection
from functools import cache

from dsd.data.views import Photographs

IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}

KINDS = {
    "f": "fish",
    "b": "bird",
    "a": "amphibian",
    "r": "reptile",
    "i": "arthropod",
    "v": "other invertebrate",
    "d": "dog",
    "c": "cat",
    "p": "primate",
    "h": "hoofed animal",
    "m": "other mammal",
    "M": "musical instrument",
    "V": "vehicle",
    "S": "sports equipment",
    "C": "clothing",
    "F": "furniture",
    "B": "building",
    "K": "container",
    "D": "device",
    "P": "food or plant",
    "N": "scenery",
    "O": "something else",
}
OF_CLASSES = (  # in ImageNet's order, 100 a line
    "fffffffbbbbbbbbbbbbbbbbbbaaaaaaaarrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrriiiiiiiiiiibbbbbbbbbbbbbbbbbbbb"
    "bmmmmmmvvvvvvvvvvviiiiiiiiibbbbbbbbbbbbbbbbbbbbmmmmddddddddddddddddddddddddddddddddddddddddddddddddd"
    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddmmmmmmmmmmmmcccccccccccccmmmmmm"
    "iiiiiiiiiiiiiiiiiiiiiiiiiiivvvmmmmmmmmmhhhhhhhhhhhhhhhhhmmmmmmmmmppppppppppppppppppppmmmmfffffffffDC"
    "CMMVVVBVVDBCKDKBSVDOMBSFBBDKVSSFMCOKVBKCKKOOVCODOBVCCFBODCBCBODKDCVBVKDDVDCDDDKDDKDBVDMDOBODKFMFCBBD"
    "BOCKKKBDDBVVDMCCFDCKFKSDOBFDDCDDFODDBVOODMDSDDMVFKDOCFVVODMFCVBDFVMKCVODKVSVVMCMBBBDDOVDKDDODMMDDOBB"
    "DCSVDDDDCVCSVDCCDCKODDODBVDVVOCODDBDKKCCOMMCDDOKFBDDCKVCVVCKVVDBDVKCBOVVBDDVDDDOODBMMDDMDCVDKDDDDCBM"
    "ODSFDVBDBKDOKDDOBVDKKOSDVKDBKBDDDDVCSKKDDFDBDDDSKDOVDDODKVDDDDBDDFDDSDCKDKCCMODVVBDDDCDOBOKVDCFDOKDB"
    "DDVVKSCDCKDDVKVDDVDOVBMDCBDDDVVFBVCDDDOBDCCDDDFVDKOOSOFKDFODBFDBVBVVKCVVDBVMKBDOVMDKOODCBMSDDKFVKDKK"
    "KKDCOOCKDKKOBVVBDOSOOOPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPNONNNNNNNNNOOOPPPPPPPPPPPPPPPO"
)


@cache
def imagenet_kinds() -> dict[str, str]:
    """The kind of each of ImageNet's 1000 classes, by the labels that torchvision has.

    Example:
        >>> kinds = imagenet_kinds()
        >>> kinds["tench"], kinds["pay-phone"], kinds["cash machine"]
        ('fish', 'device', 'device')
    """
    return {label: KINDS[letter] for label, letter in zip(_labels(), OF_CLASSES, strict=True)}


def kinds_of_views(photographs: Photographs) -> list[str]:
    """The class of each view: its class folder, or, where ImageNet's file names tell it, one of 22 kinds of things.

    Such names are like ``n01440764_tench.JPEG``. Where a set has neither, views of one photograph are of one class.

    Args:
        photographs: the views.

    Example:
        >>> from pathlib import Path
        >>> from dsd.data.views import View
        >>> names = ("n01440764_tench.JPEG", "n01484850_great_white_shark.JPEG")
        >>> kinds_of_views(Photographs([View(Path(name), name) for name in names], "two"))
        ['fish', 'fish']
    """
    if photographs.grouping == "class":
        return [view.group for view in photographs.views]
    labels = [re.fullmatch(r"n\d{8}_(\D.*)", view.path.stem) for view in photographs.views]
    kinds = {_letters(label): kind for label, kind in imagenet_kinds().items()}
    found = [kinds.get(_letters(label[1])) if label else None for label in labels]
    return [kind or view.group for kind, view in zip(found, photographs.views, strict=True)]


def _letters(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower())


def class_names(groups: Collection[str]) -> dict[str, str]:
    """What WordNet numbers are called, for Imagenette's ten and for all 1000 of ImageNet; other names as they are."""
    names = {group: group for group in sorted(groups)}
    if len(names) == 1000:
        return dict(zip(names, _labels(), strict=True))
    return names | {wnid: name for wnid, name in IMAGENETTE.items() if wnid in names}


def _labels() -> list[str]:
    from torchvision.models import VGG19_Weights  # seconds of imports

    labels: list[str] = VGG19_Weights.IMAGENET1K_V1.meta["categories"]
    return labels
