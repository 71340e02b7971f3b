"""What is computed of a picture is what the package's own measures say."""

import numpy as np
import pytest
import torch

from dsd import create_metric, dsd_matrices
from dsd.explore import answers
from dsd.explore.networks import LAYERS, LEARNED, load_learned, load_network
from dsd.explore.pictures import CENTRE, DEGRADATIONS, degrade, open_photograph
from dsd.quality.metrics import METRICS


@pytest.fixture(scope="module")
def picture():
    return open_photograph("coffee.png")


@pytest.fixture
def _no_learned(monkeypatch):
    def missing(measure):
        raise FileNotFoundError(f"no weights of {LEARNED[measure]}")

    monkeypatch.setattr(answers, "load_learned", missing)
    answers.curves.cache_clear()
    yield
    answers.curves.cache_clear()


def test_the_fingerprint_is_dsd(picture):
    x = degrade(picture, "noise", 1)[None]
    network = load_network("lite")
    answer = answers.fingerprint(picture, "noise", 1, "lite", 2)
    expected = dsd_matrices(x, network, (2,))
    assert list(answer.norms) == list(LAYERS["lite"])
    for layer in network.layers:
        dsd = expected[layer, 2][0].numpy()
        np.testing.assert_allclose((answer.full[layer] - answer.small[layer]).numpy(), dsd, atol=1e-7)
        assert answer.norms[layer] == pytest.approx(np.abs(dsd).mean(), rel=1e-4)


@pytest.mark.usefixtures("_no_learned")
def test_curves_are_the_measures_of_each_strength(picture):
    answer = answers.curves(picture, "jpeg", "lite")
    assert list(answer.values) == [name for name in METRICS if name not in LEARNED]
    assert answer.missing == {name: f"no weights of {network}" for name, network in LEARNED.items()}
    original = degrade(picture, "jpeg", 0, CENTRE)[None]
    for name in ("dsd", "pdl", "psnr", "ms-ssim"):
        metric = create_metric(name, load_network("lite"))
        values = [
            metric(degrade(picture, "jpeg", strength, CENTRE)[None], original).item()
            for strength in range(1, len(DEGRADATIONS["jpeg"].amounts) + 1)
        ]
        assert answer.values[name] == pytest.approx(values, rel=1e-4)


def test_every_lpips_is_looked_for_and_never_downloaded():
    assert set(LEARNED) == {name for name in METRICS if name.startswith("lpips")}


def test_learned_measures_where_their_files_are(picture):
    try:
        lpips = load_learned("lpips-squeeze")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    x, y = (degrade(picture, "blur", strength, CENTRE)[None] for strength in (2, 0))
    answer = answers.curves(picture, "blur", "lite")
    assert answer.values["lpips-squeeze"][1] == pytest.approx(lpips(x, y).item(), rel=1e-4)


def test_measures_without_a_reference(picture):
    values = answers.unreferenced(picture, "blur", 1, "lite")
    x = degrade(picture, "blur", 1)[None]
    for name in answers.UNREFERENCED:
        metric = create_metric(name, load_network("lite"), device="cpu")
        assert values[name] == pytest.approx(metric(x).item(), rel=1e-5)


def test_a_measure_that_there_is_not_is_said_in_words(picture, monkeypatch):
    def refuse(name, backbone):
        raise ValueError(f"{name} was trained for something else")

    monkeypatch.setattr(answers, "_unreferenced", refuse)
    answers.unreferenced.cache_clear()
    values = answers.unreferenced(picture, "blur", 2, "lite")
    answers.unreferenced.cache_clear()
    assert values["niqe"] == "niqe was trained for something else"


def test_the_enlarged_crop(picture):
    both = answers.enlarged(picture, "blur", 0)
    assert {name: tuple(x.shape) for name, x in both.items()} == dict.fromkeys(
        ("bicubic", "dsd restore"), (3, 4 * answers.CROP, 4 * answers.CROP)
    )
    difference = float((both["bicubic"] - both["dsd restore"]).abs().mean())
    assert 0 < difference < 0.1
    assert not torch.equal(both["dsd restore"], answers.enlarged(picture, "blur", 3)["dsd restore"])


def test_answers_are_kept(picture):
    first = answers.fingerprint(picture, "blur", 0, "lite", 4)
    assert answers.fingerprint(picture, "blur", 0, "lite", 4) is first


def test_networks_without_a_file_are_not_downloaded(no_weights, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    with pytest.raises(FileNotFoundError, match="no weights of vgg19: looked for"):
        load_network("vgg19", ("relu1_2",))
    load_learned.cache_clear()
    with pytest.raises(FileNotFoundError, match="no weights of alexnet: looked for"):
        load_learned("lpips")
