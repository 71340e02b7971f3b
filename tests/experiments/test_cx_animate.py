import pandas as pd
import pytest
import torch

from dsd.backbones import load_backbone
from dsd.data.frames import Frames
from dsd.data.views import Photographs
from dsd.experiments import cx_animate
from dsd.experiments.provenance import Result
from dsd.quality.motion import motion_error

SMALL = {
    "target": "astronaut.png",
    "source": "chelsea.png",
    "target_layers": ["relu1_2", "relu2_1"],
    "source_layer": "relu2_1",
    "bandwidth": 0.5,
    "pool": 10,
    "frames": 5,
    "held_out": 3,
    "steps": 8,
    "seed": 0,
}
PLACES = {"target_zoom": 2.0, "target_position": (0.0, 0.4), "source_position": (0.5, 0.6), "size": 32}
REST = {"backbone": "lite", "weights": "random", "precision": "float32", "device": "cpu", "alpha": 2}
REST |= {"blocks": 1, "batch": 2, "learning_rate": 1e-3, "shown": 2}


@pytest.fixture(scope="module")
def computed():
    return cx_animate.compute(**SMALL, **PLACES, **REST)


@pytest.fixture
def result(computed):
    return Result("cx-animate", computed.table, {"parameters": SMALL}, computed.images)


@pytest.fixture(scope="module")
def losses():
    network = load_backbone("lite", ["relu1_2", "relu2_1"], "random", device="cpu")
    return cx_animate.make_losses(network, ["relu1_2", "relu2_1"], "relu2_1", 0.5, 2)


def test_each_network_comes_nearer_by_its_own_distance(computed):
    values = computed.table.groupby(["image", "measure"]).value.mean()
    for method, name in cx_animate.METHODS.items():
        assert values[method, name] < values["source", name]


def test_all_terms_to_the_target_begin_alike(computed, losses):
    """On average over the frames that are learned from: as large as CX, whatever is held out."""
    sets = cx_animate.load_photographs("astronaut.png", 2.0, (0.0, 0.4), "chelsea.png", (0.5, 0.6), 32)
    frames = Frames(sets["source"][0], side=32, count=5, seed=0).images()
    target = sets["target"][0][None]
    start = {name: losses[name](frames, losses[name].encode(target)).item() for name in cx_animate.METHODS.values()}
    for method, name in cx_animate.METHODS.items():
        assert computed.extra["balance"][method] * start[name] == pytest.approx(start["CX to target"], rel=1e-3)


def test_photographs_are_squares_where_they_are_said_to_lie():
    sets = cx_animate.load_photographs("astronaut.png", 2.0, (0.0, 0.4), "chelsea.png", (0.5, 0.6), 32)
    whole = Photographs.from_names(["astronaut.png"], resize=64, crop=64)[0]
    assert torch.equal(sets["target"][0], whole[:, :32, 13:45])
    assert sets["source"][0].shape == (3, 45, 45)


def test_frames_are_judged_by_all_losses(losses):
    frames, result, target = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.rand(1, 3, 32, 32)
    table = cx_animate.judge({"source": frames, "CX": result}, frames, target, losses)
    values = table.set_index(["image", "frame", "measure"]).value
    assert len(values) == 2 * 2 * 4
    for image, x in {"source": frames, "CX": result}.items():
        for number in range(2):
            for name, loss in losses.items():
                other = frames[number][None] if name == "CX to source" else target
                assert values[image, number, name] == pytest.approx(loss(x[number][None], other).item(), rel=1e-4)


def test_motion_is_of_each_frame_and_the_one_before():
    film = Frames(torch.rand(3, 48, 48), side=32, count=7, seed=1)
    unseen, origins = film.images()[4:], [film.origins(number) for number in (5, 6)]
    table = cx_animate.follow({"source": unseen}, origins)
    assert table.frame.tolist() == [1, 2]
    assert table.value.tolist() == [motion_error(unseen[k - 1], unseen[k], origins[k - 1]) for k in (1, 2)]
    assert (table.value < 1).all()


def test_rows_are_of_held_out_frames(computed):
    counts = computed.table.groupby(["image", "measure"]).frame.apply(list)
    for image in ("source", "target", *cx_animate.METHODS):
        assert counts[image, "CX to target"] == [5, 6, 7]
        assert counts[image, "Motion error"] == [6, 7]


def test_outcome_is_the_mean_of_shares():
    values = {"source": (2.0, 4.0), "target": (5.0, 8.0), "CX": (1.0, 1.0), "Style": (1.0, 1.0), "DSD": (1.0, 3.0)}
    table = pd.DataFrame(
        [
            {"image": image, "frame": frame, "measure": name, "value": of_frames[frame]}
            for image, of_frames in values.items()
            for name in cx_animate.BASES
            for frame in range(2)
        ]
    )
    rows = cx_animate.outcome(table).set_index(["image", "measure"])
    assert rows.loc["CX", "Style to target"].tolist() == pytest.approx([(1 / 2 + 1 / 4) / 2, 1 / 4, 1 / 2])
    assert rows.loc["DSD", "CX to source"].tolist() == pytest.approx([(1 / 5 + 3 / 8) / 2, 1 / 5, 3 / 8])
    assert rows.loc["DSD", "Motion error"].tolist() == pytest.approx([2, 1, 3])
    assert (rows.loc["source"].loc[list(cx_animate.METHODS.values())] == 1).all(axis=None)


def test_pictures_are_the_first_and_the_last_frame(computed):
    assert set(computed.images) == {
        "target",
        *(f"{k} {kind}" for k in (5, 7) for kind in ("source", "CX", "Style", "DSD")),
    }
    film = Frames(computed.datasets["source"][0], side=32, count=8, seed=0)
    assert torch.equal(computed.images["7 source"], film.images()[7])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 0}, "frames must be an integer of at least 1, got 0"),
        ({"held_out": 1}, "held_out must be an integer of at least 2, got 1"),
        ({"shown": 4}, "held_out must be an integer of at least 4, got 3"),
        ({"shown": 0}, "shown must be an integer of at least 1, got 0"),
    ],
)
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        cx_animate.compute(**SMALL | PLACES | REST | change)


@pytest.mark.parametrize("width", ["page", "column"])
def test_marks_are_the_tables_values(result, width):
    figure = cx_animate.draw(result, width)
    rows = cx_animate.outcome(result.table).set_index(["image", "measure"])["mean"]
    groups = (list(cx_animate.METHODS.values()), ["CX to source"], ["Motion error"])
    for axis, measures in zip(figure.subfigs[1].axes, groups, strict=True):
        drawn = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}
        assert drawn.pop("Source frame") == [rows["source", measures[0]]] * 2
        assert drawn == {method: [rows[method, name] for name in measures] for method in cx_animate.METHODS}


def test_what_is_told(result):
    told = cx_animate.told(result)
    assert list(told.index) == list(cx_animate.BASES)
    row = cx_animate.outcome(result.table).set_index(["image", "measure"]).loc["CX", "Motion error"]
    assert told.loc["Motion error", "CX"] == f"{row['mean']:.2f} [{row.low:.2f}, {row.high:.2f}]"
    text = cx_animate.caption(result)
    assert "5 frames of a walk over one photograph (chelsea.png)" in text
    assert "at 10$^2$ random positions at most" in text
    every = Result("cx-animate", result.table, {"parameters": SMALL | {"pool": None}}, {})
    assert "random" not in cx_animate.caption(every)
