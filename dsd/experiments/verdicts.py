"""The README's table of everything that the paper shows, beside what came out here."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import pandas as pd

from dsd import paper
from dsd.backbones.vgg19 import TORCHVISION_FILE
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.fig1_classes import changes
from dsd.experiments.fig3_extremes import follows
from dsd.experiments.fig4_matching import sharpness
from dsd.experiments.provenance import Result, load_result
from dsd.experiments.style import pretty

SAMPLE = REPOSITORY / "figures" / "sample"
BEGIN, END = "<!-- verdicts: begin -->\n", "<!-- verdicts: end -->\n"
DIRECTION, NOT, UNDECIDED = "direction only", "**not reproduced**", "not decided"
NOT_RUN, TO_COME, OTHER_DATA = "not run", "not built yet", "other data"


@dataclass(frozen=True)
class Verdict:
    """One thing that the paper shows."""

    item: str
    says: str
    paper: str
    here: str = "–"
    same_data: str = "–"
    same_weights: str = "–"
    verdict: str = NOT_RUN


def verdicts(folder: Path = SAMPLE) -> list[Verdict]:
    """All of the paper's items in its order.

    Args:
        folder: of the figures' files.
    """
    return [
        *_figure1(load_result("fig1", folder)),
        *_figure2(load_result("fig2", folder)),
        *_figure3(load_result("fig3", folder)),
        *_figure4(load_result("fig4", folder)),
        *_figure6(load_result("fig6", folder)),
        *_figure7(load_result("fig7", folder)),
        *_table1(load_result("tab1", folder)),
        *_to_come(),
    ]


def markdown(rows: list[Verdict]) -> str:
    """The rows as a table."""
    head = ["item", "the paper says", "its number", "here", "same data?", "same weights?", "verdict"]
    lines = [head, ["---"] * len(head), *map(astuple, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(readme: Path = REPOSITORY / "README.md") -> None:
    """Put the table between its two marks into the README."""
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(before + BEGIN + markdown(verdicts()) + END + after, encoding="utf-8")


def _provenance(result: Result, same_data: bool = False) -> dict[str, str]:
    """Whether data and weights are the paper's."""
    torchvision = TORCHVISION_FILE.stem.removeprefix("vgg19-")  # begins with the file's SHA-256
    weights = result.provenance["weights_sha256"].startswith(torchvision)
    return {"same_data": "yes" if same_data else "no", "same_weights": "yes" if weights else "no"}


def _figure1(result: Result) -> Iterator[Verdict]:
    shares = changes(result.table).query("not enlarged").groupby("alpha").changed.mean()
    here = ", ".join(f"{shares[alpha]:.0%} at α = {alpha:g}" for alpha in (2.0, 4.0))
    often = DIRECTION if shares[4.0] > 0.5 else NOT
    says = "VGG-19 often calls an image something else at another scale"
    yield Verdict("Fig. 1", says, "–", here, **_provenance(result), verdict=often)


def _figure2(result: Result) -> Iterator[Verdict]:
    done, origin = result.parameters, _provenance(result)
    name, deepest = result.provenance["datasets"]["images"]["dataset"], done["layers"][-1]
    table = result.table[(result.table.images == name) & (result.table.side == done["crop"])]
    own = table[table.kind == "Self"].set_index(["descriptor", "padding"])
    patches = own.loc[[(f"n={size}", "none") for size in done["patch_sizes"]]]
    yield Verdict(
        "Fig. 2 (b)",
        "patches: Self is far below Random",
        "–",
        f"Self/Random {patches.ratio.min():.2f} to {patches.ratio.max():.2f}",
        **origin,
        verdict=DIRECTION if patches.ratio_high.max() < 0.5 else NOT,
    )
    by_padding = own.loc[deepest]
    here = "; ".join(f"{_interval(by_padding.loc[name])} padded with {name}" for name in done["paddings"])
    yield Verdict(
        "Fig. 2 (a)",
        f"deep layers ({pretty(deepest)}): Self is comparable to Random",
        "–",
        f"Self/Random {here}",
        **origin,
        verdict=DIRECTION if by_padding.ratio_low.min() > 0.5 else NOT,
    )


def _figure3(result: Result) -> Iterator[Verdict]:
    network = result.parameters["backbone"]
    statistics = follows(result.table, [network]).loc[network]
    texture, strongest = statistics["high-frequency energy"], str(statistics.abs().idxmax())
    yield Verdict(
        "Fig. 3",
        "‖DSD‖ is low for smooth images and high for textured ones",
        "–",
        f"rank correlation {texture:.2f} with fine texture, {statistics[strongest]:.2f} with {strongest}",
        **_provenance(result),
        verdict=DIRECTION if strongest == "high-frequency energy" else NOT,
    )
    names = {"n09421951": "sandbar", "n04589890": "window screen"}
    for wnid, values in paper.CLASS_STATISTICS.items():
        number = f"{1e3 * values['mean']:.1f} ± {1e3 * values['std']:.2g} (×10⁻³)"
        yield Verdict("Sec. 3.3", f"mean ‖DSD_2‖ of ImageNet's class {names[wnid]}", number)


def _figure4(result: Result) -> Iterator[Verdict]:
    sharp = sharpness(result.images)
    ratio = sharp.loc["DSD"] / sharp.loc["Style pyramid"]
    same_pair = all(result.parameters[role] == paper.FIG4[role] for role in ("content", "reference"))
    yield Verdict(
        "Fig. 4",
        "matching DSD gives a sharper image than matching a style pyramid",
        "–",
        f"Q ×{ratio['metric Q']:.2f}, noise ×{ratio['noise level']:.2f}",
        **_provenance(result, same_pair),
        verdict=DIRECTION if ratio["metric Q"] > 1 else NOT,
    )


def _figure6(result: Result) -> Iterator[Verdict]:
    way = result.table[result.table.image == "optimised"].set_index("step").norm
    start = paper.FIG6_VALUES[0]
    for step, value in paper.FIG6_VALUES.items():
        here = f"{1e3 * way[step]:.1f}×10⁻³ (×{way[step] / way[0]:.2f})"
        number = f"{1e3 * value:.1f}×10⁻³ (×{value / start:.2f})"
        what = f"‖DSD_4‖ after {step} steps" if step else "‖DSD_4‖ of an ESRGAN output"
        fell = f"{DIRECTION}; we chose the step size" if way[step] < way[0] else NOT
        yield Verdict("Fig. 6", what, number, here, **_provenance(result), verdict=fell if step else OTHER_DATA)
    sharp = sharpness(result.images)
    ratio = sharp.loc["step 500"] / sharp.loc["step 0"]
    yield Verdict(
        "Fig. 6",
        "after 500 steps the image is sharper and more natural",
        "–",
        f"Q ×{ratio['metric Q']:.2f}, noise ×{ratio['noise level']:.2f}",
        **_provenance(result),
        verdict=DIRECTION if ratio["metric Q"] > 1 >= ratio["noise level"] else NOT,
    )


def _figure7(result: Result) -> Iterator[Verdict]:
    norms = 1e3 * result.table.norm
    low, high = (1e3 * limit for limit in paper.FIG7["limits"])
    yield Verdict(
        "Fig. 7",
        "natural photographs' ‖DSD_2‖ differs widely",
        f"shown from {low:g} to {high:g} (×10⁻³)",
        f"{norms.min():.0f} to {norms.max():.0f}, median {norms.median():.0f}",
        **_provenance(result),
        verdict=DIRECTION if norms.max() > 10 * norms.min() else NOT,
    )


def _table1(result: Result) -> Iterator[Verdict]:
    table, origin = result.table, _provenance(result)
    correlations = table[(table.kind == "correlation") & table.paper.notna()]
    correlations = correlations[correlations.padding == correlations.padding.iloc[0]]
    sets = list(correlations.dataset.unique())
    layers = " / ".join(pretty(layer).removeprefix("ReLU") for layer in paper.FULL_REFERENCE["layers"])
    for measure, printed in paper.TABLE1.items():
        rows = correlations[correlations.measure == measure].pivot(index="dataset", columns="layer", values="pearson")
        here = "; ".join(f"{name.upper()} {_numbers(rows.loc[name, list(printed)])}" for name in sets)
        of = f"{measure}, ReLU {layers}" if len(printed) > 1 else measure
        yield Verdict("Tab. 1", of, _numbers(pd.Series(printed)), here, **origin, verdict=OTHER_DATA)
    padding = correlations.padding.iloc[0]
    further = table[table.kind == "next reference"]
    names = zip(further.measure + " " + further.layer + " " + further.padding, further.minus, strict=True)
    bounds = further[["pearson", "pearson_low", "pearson_high"]].to_numpy().tolist()
    differences = dict(zip(names, bounds, strict=True))
    for measure, layer, other, of_other in (
        ("DSD_2", "relu5_1", "LPIPS", "alexnet"),
        ("DSD_2", "relu5_1", "Style", "relu5_1"),
        ("DSD_2", "relu4_1", "Style", "relu4_1"),
        ("DSD_2", "relu4_1", "Perceptual", "relu4_1"),
    ):
        number = paper.TABLE1[measure][layer] - paper.TABLE1[other][of_other]
        middle, low, high = _difference(differences, f"{measure} {layer} {padding}", f"{other} {of_other} {padding}")
        verdict = UNDECIDED if low < 0 < high else DIRECTION if low * number > 0 else NOT
        here = f"{middle:+.2f} [{low:+.2f}, {high:+.2f}]"
        says = f"{measure} − {other} at {pretty(layer)}"
        yield Verdict("Tab. 1", says, f"{number:+.2f}", here, **origin, verdict=verdict)


def _difference(differences: Mapping[tuple[str, str], list[float]], one: str, other: str) -> list[float]:
    """A difference of correlations and its bounds, whichever way round it was measured."""
    if (one, other) in differences:
        return differences[one, other]
    middle, low, high = differences[other, one]
    return [-middle, -high, -low]


def _to_come() -> Iterator[Verdict]:
    """What has no code yet."""
    numbers = ", ".join(f"{measure} {_number(value)}" for measure, value in paper.TABLE2.items())
    yield Verdict("Tab. 2", "correlation without a reference, PieAPP", numbers, verdict=TO_COME)
    best = paper.TABLE3["DSD"]["relu2_2"]
    yield Verdict(
        "Tab. 3",
        "×4 super-resolution by loss; PSNR / LPIPS / NIQE of DSD at ReLU2_2",
        " / ".join(f"{value:g}" for value in best),
        verdict=TO_COME,
    )
    for item, says in {
        "Figs. 8, 9": "DSD's super-resolution is among the best in NIQE without a GAN",
        "Fig. 10": "DSD as a loss leaves fewer grid artifacts than PDL, style and multi-scale style",
        "Fig. 11": "motion deblurring with DSD is sharper than with style, without ghosts",
    }.items():
        yield Verdict(item, says, "–", verdict=TO_COME)


def _interval(row: pd.Series) -> str:
    return f"{row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"


def _numbers(values: pd.Series) -> str:
    return " / ".join(map(_number, values))


def _number(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
