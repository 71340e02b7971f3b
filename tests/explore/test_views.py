"""What the tabs show of a choice."""

import re
from dataclasses import replace

import pytest
import torch

from dsd.explore import views
from dsd.explore.answers import Curves
from dsd.explore.networks import load_network
from dsd.explore.photographs import natural_norms
from dsd.explore.pictures import DEGRADATIONS, degrade, open_photograph


@pytest.fixture(scope="module")
def choice():
    return views.Choice(open_photograph("coffee.png"))


def test_a_choice_in_words(choice):
    assert choice.words == "coffee.png, as it is, lite"
    assert choice.changed(kind="jpeg", strength=1).words == "coffee.png, JPEG, quality 70, lite"


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_amounts_are_the_degradations(kind):
    labels = views.amounts(kind)
    assert labels[0] == ("none", 0)
    assert [float(label) for label, _ in labels[1:]] == list(DEGRADATIONS[kind].amounts)
    assert [strength for _, strength in labels] == list(range(len(labels)))


def test_the_fingerprint_tab(choice):
    html = views.fingerprint_tab(choice)
    assert html.count("<img") == 8
    assert "measured by the same network (lite)" in html
    natural = natural_norms(load_network("lite").weights_sha256, 2)
    own = sum(views.fingerprint(choice.picture, "blur", 0, "lite", 2).norms[layer] for layer in views.PAPER_LAYERS)
    assert f"Higher than {sum(value < own for value in natural) / len(natural):.0%}" in html
    assert views.fingerprint_tab(choice.changed(layer="relu1_2")) != html
    assert views.fingerprint_tab(choice.changed(alpha=4)) != html


def test_other_weights_are_not_compared(choice, monkeypatch):
    monkeypatch.setattr(views, "natural_norms", lambda weights, alpha: ())
    html = views.fingerprint_tab(choice)
    assert "Not known for these weights of lite" in html
    assert "Higher than" not in html


def test_the_tab_of_places(choice):
    html = views.places_tab(choice)
    norm = views.fingerprint(choice.picture, "blur", 0, "lite", 2).norms[choice.layer]
    assert html.count("<img") == 3
    assert f"10³ ‖DSD‖₁ = {1e3 * norm:.3g}." in html
    assert views.places_tab(choice.changed(alpha=4)) != html


def test_the_measures_tab(choice, monkeypatch):
    some = Curves({"dsd": [1.0, 2, 3, 4], "psnr": [40.0, 30, 20, 10]}, {"lpips": "no <weights>"})
    monkeypatch.setattr(views, "curves", lambda *of: some)
    monkeypatch.setattr(views, "unreferenced", lambda *of: {"q_dsd": 0.5, "niqe": "too small", "brisque": 20.0})
    html = views.measures_tab(choice.changed(strength=2))
    assert html.count("<svg") == 2
    assert "dsd ↓<" in html
    assert "psnr ↑<" in html
    assert "lpips: no &lt;weights&gt;" in html
    assert html.count("niqe: too small") == 1
    assert re.findall(r"<th[^>]*>(\w+)</th>", html) == ["original", "degraded"]
    assert re.findall(r"<th[^>]*>(\w+)</th>", views.measures_tab(choice)) == ["original"]


def test_the_enlarge_tab(choice):
    assert views.enlarge_tab(choice).count("<img") == 3


def test_the_way_of_an_optimisation(choice):
    x = degrade(choice.picture, "blur", 0, 64)
    assert views.way(choice, x, []).count("<img") == 1
    html = views.way(choice, x, [3.0, 2.0], "‖DSD‖")
    assert html.count("<img") == 2
    assert "after 1 steps" in html
    assert "‖DSD‖: 3 → 2" in html


def test_an_image_of_one_colour(choice):
    black = replace(choice.picture, pixels=torch.zeros_like(choice.picture.pixels))
    tabs = (views.fingerprint_tab, views.places_tab, views.measures_tab)
    html = "".join(tab(choice.changed(picture=black)) for tab in tabs)
    assert "niqe: NIQE needs at least two blocks" in html
    assert "nan" not in re.sub(r"base64,[^\"]+", "", html)


def test_names_of_files_are_escaped(choice):
    bad = replace(choice.picture, note="<script>")
    assert "<script>" not in views.fingerprint_tab(choice.changed(picture=bad))
