import pytest

from dsd import VGG19Lite, paper
from dsd.data.images import load_image
from dsd.data.views import Photographs
from dsd.experiments import fig6_minimise, provenance, style
from dsd.quality.norms import summed_norm


@pytest.fixture
def parameters(parameters_of):
    size = {"resize": 48, "crop": 32, "steps": [1, 2], "residual_std": 0.01}
    return parameters_of("fig6", layers=["relu1_2"], learning_rate=1e4, **size)


def texts(figure):
    axes = figure.axes
    legends = [text.get_text() for axis in axes if axis.get_legend() for text in axis.get_legend().get_texts()]
    return {axis.get_title() for axis in axes} | set(legends)


def test_the_norm_falls_step_by_step(parameters, tmp_path):
    result = provenance.load_or_compute(fig6_minimise, parameters, tmp_path)
    assert result.table.step.tolist() == [0, 1, 2]
    assert result.table.norm.is_monotonic_decreasing
    assert set(result.images) == {"step 0", "step 1", "step 2"}
    norms = fig6_minimise.shown_norms(result)
    assert list(norms.values()) == result.table.norm.tolist()
    assert {type(norm) for norm in norms.values()} == {float}  # the notebook prints them
    network = VGG19Lite(("relu1_2",), weights="random")
    saved = summed_norm(load_image(tmp_path / "fig6_step-2.png")[None], network, parameters["alpha"]).item()
    assert norms["step 2"] == pytest.approx(saved, rel=0.02)  # 8 bits
    figure = fig6_minimise.draw(result)
    assert {"Start", "1 steps", "2 steps"} <= texts(figure)
    assert not {"Ground truth", "paper, its own image"} & texts(figure)
    caption = fig6_minimise.caption(result)
    assert f"from {1e3 * norms['step 0']:.3g} to {1e3 * norms['step 2']:.3g} after 2 steps" in caption
    assert "ground truth" not in caption


def test_the_ground_truth_and_the_papers_values_are_shown(parameters, tmp_path):
    parameters |= {"preset": "sample", "original": "coffee.png"}
    result = provenance.load_or_compute(fig6_minimise, parameters, tmp_path)
    assert set(result.table.image) == {"optimised", "original"}
    assert (tmp_path / "fig6_original.png").is_file()
    x = Photographs.from_names(["coffee.png"], resize=48, crop=32)[0][None]
    truth = summed_norm(x, VGG19Lite(("relu1_2",), weights="random"), parameters["alpha"]).item()
    assert fig6_minimise.shown_norms(result)["original"] == pytest.approx(truth, rel=1e-4)
    assert f"ground truth has {1e3 * truth:.3g}" in fig6_minimise.caption(result)
    for width in ("page", "column"):
        figure = fig6_minimise.draw(result, width)
        assert figure.get_figwidth() == style.figure_width(width)
        assert {"ESRGAN", "Ground truth", f"ground truth, {1e3 * truth:.3g}", "paper, its own image"} <= texts(figure)
        here, printed, _ = figure.axes[-1].lines
        assert list(here.get_ydata()) == pytest.approx(1e3 * result.table.norm[:3])
        assert dict(zip(*printed.get_data(), strict=True)) == pytest.approx(
            {step: 1e3 * value for step, value in paper.FIG6_VALUES.items()}
        )
        assert figure.axes[-1].get_xlim()[0] < 0  # the first marker is whole


def test_the_caption_takes_any_factor(parameters, tmp_path):
    result = provenance.load_or_compute(fig6_minimise, parameters | {"alpha": 1.5}, tmp_path)
    assert r"\mathrm{DSD}_{1.5}\rVert" in fig6_minimise.caption(result)


def test_the_paper_prints_values_at_the_steps_that_are_shown():
    assert [0, *paper.FIG6["steps"]] == list(paper.FIG6_VALUES)
