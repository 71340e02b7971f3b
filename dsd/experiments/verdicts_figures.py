"""The README's rows of Figures 1 to 7."""

from collections.abc import Iterator

from dsd import paper
from dsd.data.imagenet_classes import imagenet_kinds
from dsd.experiments.fig1_classes import changes
from dsd.experiments.fig3_extremes import of_panel
from dsd.experiments.fig4_matching import sharpness
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Result
from dsd.experiments.style import pretty
from dsd.experiments.verdict import DIRECTION, FITTED, LARGER, NOT, OTHER_DATA, UNDECIDED, Verdict, origin_of
from dsd.quality.follows import followed, follows, intervals
from dsd.quality.means import over_images

# The paper says the following without numbers. What we take it to mean:
OFTEN = 0.25  # of the views, or more
SIGNIFICANT = "our criterion: the interval lies below 1"
COMPARABLE = 1.25  # to Random: at most so many times as large, or as small
WITHIN = f"our criterion: within a factor of {COMPARABLE:g}"
WIDELY = 3  # and more times the 5th percentile is the 95th
CLASSES = {"n09421951": "sandbar", "n04589890": "window screen"}


def figure1(result: Result | None) -> Iterator[Verdict]:
    """How often labels change to another kind of thing; `result`, of all these functions: None where there is none."""
    says = "at another scale VGG-19 often calls an image something completely different"
    if result is None:
        yield Verdict("Fig. 1", says, "–")
        return
    by_photograph = changes(result.table, imagenet_kinds()).query("not enlarged")
    changed = {
        alpha: over_images(by_photograph[by_photograph.alpha == alpha][["changed", "far"]], result.parameters["seed"])
        for alpha in (2, 4)
        if (by_photograph.alpha == alpha).any()
    }
    here = "; ".join(
        f"α = {alpha:g}: {rows.changed['mean']:.0%} of the labels change, {rows.far['mean']:.0%} "
        f"[{rows.far.low:.0%}, {rows.far.high:.0%}] to another kind of thing"
        for alpha, rows in changed.items()
    )
    far = changed[2].far
    verdict = DIRECTION if far.low > OFTEN else NOT if far.high < OFTEN else UNDECIDED
    why = f"our criterion: at α = 2 more than {OFTEN:.0%} change to another of 22 kinds"
    yield Verdict("Fig. 1", says, "–", here, **origin_of(result), verdict=verdict, why=why)


def figure2(result: Result | None) -> Iterator[Verdict]:
    """Self beside Random: of patches, at the two shallowest and the two deepest layers."""
    patches_below = "patches: Self is significantly below Random"
    below, comparable = (
        "shallow layers ({}): Self is significantly below Random",
        "deep layers ({}): Self is comparable to Random",
    )
    if result is None:
        *_, deepest = paper.FIG2["layers"]
        yield Verdict("Fig. 2 (b)", patches_below, "–")
        yield Verdict("Fig. 2 (a)", below.format(pretty(paper.FIG2["layers"][0])), "–")
        yield Verdict("Fig. 2 (a)", comparable.format(pretty(deepest)), "–")
        return
    done, origin = result.parameters, origin_of(result)
    name = result.provenance["datasets"]["images"]["dataset"]
    table = result.table[(result.table.images == name) & (result.table.side == done["crop"])]
    own = table[table.kind == "Self"].set_index(["descriptor", "padding"])
    patches = own.loc[[(f"n={size}", "none") for size in done["patch_sizes"]]]
    yield Verdict(
        "Fig. 2 (b)",
        patches_below,
        "–",
        f"Self/Random {patches.ratio.min():.2f} to {patches.ratio.max():.2f}, at most {patches.ratio_high.max():.2f}",
        **origin,
        verdict=_below_one(patches.ratio_low.max(), patches.ratio_high.max()),
        why=SIGNIFICANT,
    )
    shallow, deep = done["layers"][:2], done["layers"][2:][-2:]
    for layer in (*shallow, *deep):
        rows = {padding: own.loc[(layer, padding)] for padding in done["paddings"]}
        here = "; ".join(
            f"Self/Random {with_interval(row.ratio, row.ratio_low, row.ratio_high)}, padding {padding}"
            for padding, row in rows.items()
        )
        first = rows["zeros"]  # the paper's
        says, verdict, why = (
            (below, _below_one(first.ratio_low, first.ratio_high), SIGNIFICANT)
            if layer in shallow
            else (comparable, _comparable(first.ratio_low, first.ratio_high), WITHIN)
        )
        why += "; decided by the paper's padding, zeros"
        yield Verdict("Fig. 2 (a)", says.format(pretty(layer)), "–", here, **origin, verdict=verdict, why=why)


def _below_one(low: float, high: float) -> str:
    return DIRECTION if high < 1 else NOT if low > 1 else UNDECIDED


def _comparable(low: float, high: float) -> str:
    if low > 1 / COMPARABLE and high < COMPARABLE:
        return DIRECTION
    return LARGER if low > COMPARABLE else NOT if high < 1 / COMPARABLE else UNDECIDED


def figure3(result: Result | None) -> Iterator[Verdict]:
    """What ‖DSD‖ follows, and two classes of ImageNet's validation set."""
    says = "‖DSD‖ is low for smooth images and high for textured ones"
    if result is None:
        yield Verdict("Fig. 3", says, "–")
    else:
        network, images = result.parameters["backbone"], of_panel(result.table, "images")
        statistics = follows(images, [network]).loc[network].sort_values(ascending=False)
        ends = intervals(images, [network], seed=result.parameters["seed"]).loc[network]
        what = followed(ends)
        yield Verdict(
            "Fig. 3",
            says,
            "–",
            "rank correlation with "
            + ", ".join(
                f"{name} {with_interval(value, ends.low[name], ends.high[name])}" for name, value in statistics.items()
            ),
            **origin_of(result),
            verdict={"texture, too": DIRECTION, "not decided": UNDECIDED}.get(what, NOT),
            why="our criterion: it follows fine texture (high-frequency energy) more than the others",
        )
    for wnid, values in paper.CLASS_STATISTICS.items():
        number = f"{1e3 * values['mean']:.1f} ± {1e3 * values['std']:.2g} (×10⁻³)"
        why = "needs ImageNet's validation set"
        yield Verdict("Sec. 3.3", f"mean ‖DSD_2‖ of ImageNet's class {CLASSES[wnid]}", number, why=why)


def figure4(result: Result | None) -> Iterator[Verdict]:
    """Whether the DSD result is sharper than the style pyramid's."""
    says = "matching DSD gives a sharper image than matching a style pyramid"
    if result is None:
        yield Verdict("Fig. 4", says, "–")
        return
    same_pair = all(result.parameters[role] == paper.FIG4[role] for role in ("content", "reference"))
    here, verdict = _sharper(result, "DSD", "Style pyramid")
    here = f"DSD result ÷ style pyramid's: {here}"
    why = "our criterion: a higher Q (Zhu & Milanfar) and no more noise; one pair of images, the authors'"
    yield Verdict("Fig. 4", says, "–", here, **origin_of(result, same_pair), verdict=verdict, why=why)


def figure6(result: Result | None) -> Iterator[Verdict]:
    """‖DSD‖ on its way, and whether the image is sharper on the way and spoilt at the end."""
    way = None if result is None else result.table[result.table.image == "optimised"].set_index("step").norm
    start = paper.FIG6_VALUES[0]
    for step, value in paper.FIG6_VALUES.items():
        number = f"{1e3 * value:.1f}×10⁻³ (×{value / start:.2f})"
        what = f"‖DSD_4‖ after {step} steps" if step else "‖DSD_4‖ of an ESRGAN output"
        if result is None or way is None or step not in way.index:
            yield Verdict("Fig. 6", what, number)
            continue
        here = f"{1e3 * way[step]:.1f}×10⁻³ (×{way[step] / way[0]:.2f})"
        verdict = FITTED if step else OTHER_DATA
        why = "the paper prints no step size" if step else "the paper's image is not published"
        yield Verdict("Fig. 6", what, number, here, **origin_of(result), verdict=verdict, why=why)
    says = "after 500 steps the image is sharper and more natural"
    if result is None or "step 500" not in result.images:
        yield Verdict("Fig. 6", says, "–")
        return
    here, verdict = _sharper(result, "step 500", "step 0")
    here = f"after ÷ before: {here}"
    truth = result.table[result.table.image == "original"].norm.item()
    why = "our criterion: a higher Q (Zhu & Milanfar) and no more noise"
    if way is not None and way[0] <= truth:
        verdict, why = (
            UNDECIDED,
            f"no test: ‖DSD_4‖ of the start is not above the ground truth's, {1e3 * truth:.1f}×10⁻³",
        )
    yield Verdict("Fig. 6", says, "–", here, **origin_of(result), verdict=verdict, why=why)


def figure7(result: Result | None) -> Iterator[Verdict]:
    """How widely ‖DSD‖ differs."""
    says = "natural photographs' ‖DSD_2‖ differs widely"
    low, high = (1e3 * limit for limit in paper.FIG7["limits"])
    number = f"shown from {low:g} to {high:g} (×10⁻³)"
    if result is None:
        yield Verdict("Fig. 7", says, number)
        return
    norms = 1e3 * result.table.norm
    least, most = norms.quantile([0.05, 0.95])
    yield Verdict(
        "Fig. 7",
        says,
        number,
        f"90 % from {least:.0f} to {most:.0f}, all from {norms.min():.0f} to {norms.max():.0f}",
        **origin_of(result, str(result.parameters.get("images")).startswith("pieapp")),
        verdict=DIRECTION if most > WIDELY * least else NOT,
        why=f"our criterion: the 95th percentile exceeds {WIDELY} times the 5th",
    )


def _sharper(result: Result, one: str, other: str) -> tuple[str, str]:
    """How much sharper one picture is than another, and whether it is: with a higher Q, and no more noise."""
    sharp = sharpness(result.images)
    ratio = sharp.loc[one] / sharp.loc[other]
    verdict = DIRECTION if ratio["metric Q"] > 1 >= ratio["noise level"] else NOT
    return f"Q {ratio['metric Q']:.2f}, noise {ratio['noise level']:.2f}", verdict
