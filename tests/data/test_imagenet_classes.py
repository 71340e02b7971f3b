from collections import Counter
from pathlib import Path

from dsd.data.imagenet_classes import KINDS, OF_CLASSES, class_names, imagenet_kinds, kinds_of_views
from dsd.data.views import Photographs, View


def test_every_class_has_a_kind():
    kinds = imagenet_kinds()
    assert len(kinds) == len(OF_CLASSES) == 1000
    assert set(kinds.values()) == set(KINDS.values())
    assert set(OF_CLASSES[:398]) == set("fbarivdcphm")  # the animals come first
    assert set(OF_CLASSES[398:]).isdisjoint("fbarivdcphm")


def test_kinds_as_they_are_known():
    kinds = imagenet_kinds()
    assert Counter(kinds.values())["dog"] == 118
    assert Counter(kinds.values())["bird"] == 59
    known = {
        "goldfish": "fish",
        "Siamese cat": "cat",
        "baboon": "primate",
        "unicycle": "vehicle",
        "dumbbell": "sports equipment",
        "plunger": "device",
        "knee pad": "clothing",
        "banana": "food or plant",
        "volcano": "scenery",
        "toilet tissue": "something else",
    }
    assert {label: kinds[label] for label in known} == known


def test_class_names():
    assert class_names(["n03888257", "n01440764", "mine"]) == {
        "mine": "mine",
        "n01440764": "tench",
        "n03888257": "parachute",
    }
    names = class_names([f"n{k:08}" for k in range(1000)])
    assert (names["n00000000"], names["n00000999"]) == ("tench", "toilet tissue")


def test_kinds_of_views():
    names = ["n01440764_tench.JPEG", "n02123394_Persian_cat.JPEG", "n00000000_nothing.JPEG", "a.png"]
    views = [View(Path(name), name) for name in names]
    assert kinds_of_views(Photographs(views, "four")) == ["fish", "cat", *names[2:]]
    assert kinds_of_views(Photographs(views, "four", grouping="class")) == names
