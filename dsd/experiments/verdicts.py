"""The README's table of everything that the paper shows, beside what came out here."""

from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

from dsd import paper
from dsd.atomic import atomic_write
from dsd.data.imagenet_classes import imagenet_kinds
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.fig1_classes import changes
from dsd.experiments.fig3_extremes import of_panel
from dsd.experiments.fig4_matching import sharpness
from dsd.experiments.fig10_grids import against_dsd
from dsd.experiments.fig11_deblurring import differences
from dsd.experiments.markdown import markdown_table
from dsd.experiments.provenance import Result, load_result
from dsd.experiments.style import pretty
from dsd.experiments.verdict import DIRECTION, NOT, OTHER_DATA, UNDECIDED, Verdict, origin_of
from dsd.experiments.verdicts_tables import figure9, table1, table2, table3
from dsd.quality.follows import followed, follows, intervals

SAMPLE = REPOSITORY / "figures" / "sample"
BEGIN, END = "<!-- verdicts: begin -->\n", "<!-- verdicts: end -->\n"
# The paper says the following without numbers. What we take it to mean:
OFTEN = 0.25  # of the views, or more
FAR_BELOW = 0.5  # of Random, or less
COMPARABLE = 1.25  # to Random: at most so many times as large, or as small
WIDELY = 3  # and more times the 5th percentile is the 95th
MANY = 10  # images, or more: an interval over them says something
FITTED = "fitted"  # the step size was chosen so that ‖DSD‖ falls as printed


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
        Verdict("Fig. 5", "a drawing of three losses, without numbers", "–", "drawn with real matrices", verdict="–"),
        *_figure6(load_result("fig6", folder)),
        *_figure7(load_result("fig7", folder)),
        *table1(load_result("tab1", folder)),
        *table2(load_result("tab2", folder)),
        *table3(_found("tab3", folder)),
        *_figure8(_found("fig8", folder)),
        *figure9(_found("fig9", folder)),
        *_figure10(_found("fig10", folder)),
        *_figure11(_found("fig11", folder)),
    ]


def markdown(rows: list[Verdict]) -> str:
    """The rows as a table."""
    head = ["item", "the paper says", "paper's number", "here", "same data?", "same weights?", "verdict"]
    return markdown_table(head, map(astuple, rows))


def write(readme: Path = REPOSITORY / "README.md") -> None:
    """Put the table between its two marks into the README.

    Raises:
        ValueError: it lacks a mark.
    """
    text = readme.read_text(encoding="utf-8")
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise ValueError(f"{readme} must have the lines {BEGIN.strip()} and {END.strip()}")
    before, rest = text.split(BEGIN, 1)
    with atomic_write(readme, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + markdown(verdicts()) + END + rest.split(END, 1)[1])


def _figure1(result: Result) -> Iterator[Verdict]:
    changed = changes(result.table, imagenet_kinds()).query("not enlarged").groupby("alpha")[["changed", "far"]].mean()
    here = "; ".join(
        f"{row.changed:.0%} do at α = {alpha:g}, {row.far:.0%} to another kind of thing"
        for alpha, row in changed.loc[[2.0, 4.0]].iterrows()
    )
    verdict = DIRECTION if changed.far.loc[2.0] > OFTEN else NOT
    says = "at another scale VGG-19 often calls an image something completely different"
    yield Verdict("Fig. 1", says, "–", here, **origin_of(result), verdict=verdict)


def _figure2(result: Result) -> Iterator[Verdict]:
    done, origin = result.parameters, origin_of(result)
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
        verdict=DIRECTION if patches.ratio_high.max() < FAR_BELOW else NOT,
    )
    for padding in done["paddings"]:
        row = own.loc[(deepest, padding)]
        whose = "the paper's" if padding == "zeros" else "not the paper's"
        comparable = row.ratio_low > 1 / COMPARABLE and row.ratio_high < COMPARABLE
        yield Verdict(
            "Fig. 2 (a)",
            f"deep layers ({pretty(deepest)}): Self is comparable to Random",
            "–",
            f"Self/Random {row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}], padding {padding} ({whose})",
            **origin,
            verdict=DIRECTION if comparable else "larger" if row.ratio_low > 1 else NOT,
        )


def _figure3(result: Result) -> Iterator[Verdict]:
    network, images = result.parameters["backbone"], of_panel(result.table, "images")
    statistics = follows(images, [network]).loc[network].sort_values(ascending=False)
    what = followed(intervals(images, [network], seed=result.parameters["seed"]).loc[network])
    yield Verdict(
        "Fig. 3",
        "‖DSD‖ is low for smooth images and high for textured ones",
        "–",
        "rank correlation with " + ", ".join(f"{name} {value:.2f}" for name, value in statistics.items()),
        **origin_of(result),
        verdict={"texture, too": DIRECTION, "not decided": UNDECIDED}.get(what, NOT),
    )
    names = {"n09421951": "sandbar", "n04589890": "window screen"}
    for wnid, values in paper.CLASS_STATISTICS.items():
        number = f"{1e3 * values['mean']:.1f} ± {1e3 * values['std']:.2g} (×10⁻³)"
        yield Verdict("Sec. 3.3", f"mean ‖DSD_2‖ of ImageNet's class {names[wnid]}", number)


def _figure4(result: Result) -> Iterator[Verdict]:
    same_pair = all(result.parameters[role] == paper.FIG4[role] for role in ("content", "reference"))
    here, verdict = _sharper(result, "DSD", "Style pyramid")
    here = f"DSD result ÷ style pyramid's: {here}"
    says = "matching DSD gives a sharper image than matching a style pyramid"
    yield Verdict("Fig. 4", says, "–", here, **origin_of(result, same_pair), verdict=verdict)


def _figure6(result: Result) -> Iterator[Verdict]:
    way = result.table[result.table.image == "optimised"].set_index("step").norm
    start = paper.FIG6_VALUES[0]
    for step, value in paper.FIG6_VALUES.items():
        here = f"{1e3 * way[step]:.1f}×10⁻³ (×{way[step] / way[0]:.2f})"
        number = f"{1e3 * value:.1f}×10⁻³ (×{value / start:.2f})"
        what = f"‖DSD_4‖ after {step} steps" if step else "‖DSD_4‖ of an ESRGAN output"
        verdict = FITTED if step else OTHER_DATA
        yield Verdict("Fig. 6", what, number, here, **origin_of(result), verdict=verdict)
    here, verdict = _sharper(result, "step 500", "step 0")
    here = f"after ÷ before: {here}"
    says = "after 500 steps the image is sharper and more natural"
    yield Verdict("Fig. 6", says, "–", here, **origin_of(result), verdict=verdict)


def _sharper(result: Result, one: str, other: str) -> tuple[str, str]:
    """How much sharper one picture is than another, and whether it is: with a higher Q, and no more noise."""
    sharp = sharpness(result.images)
    ratio = sharp.loc[one] / sharp.loc[other]
    verdict = DIRECTION if ratio["metric Q"] > 1 >= ratio["noise level"] else NOT
    return f"Q {ratio['metric Q']:.2f}, noise {ratio['noise level']:.2f}", verdict


def _figure7(result: Result) -> Iterator[Verdict]:
    norms = 1e3 * result.table.norm
    least, most = norms.quantile([0.05, 0.95])
    low, high = (1e3 * limit for limit in paper.FIG7["limits"])
    yield Verdict(
        "Fig. 7",
        "natural photographs' ‖DSD_2‖ differs widely",
        f"shown from {low:g} to {high:g} (×10⁻³)",
        f"90 % from {least:.0f} to {most:.0f}, all from {norms.min():.0f} to {norms.max():.0f}",
        **origin_of(result),
        verdict=DIRECTION if most > WIDELY * least else NOT,
    )


def _figure11(result: Result | None) -> Iterator[Verdict]:
    item, says = "Fig. 11", "motion deblurring with DSD is sharper than with style, without ghosts"
    if result is None:
        yield Verdict(item, says, "–")
        return
    table = differences(result)
    parts = [
        f"{name}: {measure} {row.loc[measure, 'mean']:+.2f} [{row.loc[measure, 'low']:+.2f}, "
        f"{row.loc[measure, 'high']:+.2f}]".replace("-", "−")
        for name, row in table.iterrows()
        for measure in ("LPIPS", "NIQE")
        if measure in table and row.loc[measure].notna().all()
    ]
    many = [name for name, about in result.provenance["datasets"].items() if about["count"] >= MANY]
    niqe = table["NIQE"].loc[many]
    verdict = UNDECIDED
    if many and ((niqe.high < 0).all() or (niqe.low > 0).any()):
        verdict = DIRECTION if (niqe.high < 0).all() else NOT
    here = f"DSD − Style (NIQE stands for sharpness; ghosts are not measured): {'; '.join(parts)}"
    yield Verdict(item, says, "–", here, **origin_of(result), verdict=verdict)


def _figure8(result: Result | None) -> Iterator[Verdict]:
    says = "DSD's super-resolution is sharper and more photo-realistic than that of GANs (ESRGAN, SANGAN)"
    niqe = None if result is None else result.table.pivot(index=["set", "image"], columns="method", values="niqe")
    if niqe is None or "DSD" not in niqe:
        yield Verdict("Fig. 8", says, "–")
        return
    less = {name: (niqe[name] - niqe.DSD).dropna() for name in ("L1", "VDSR", "EnhanceNet", "ESRGAN") if name in niqe}
    here = ", ".join(f"{name} {values.mean():+.2f} (n = {len(values)})" for name, values in less.items())
    here = f"looked at; NIQE less DSD's: {here}".replace("-", "−")
    yield Verdict(
        "Fig. 8", says, "–", here, same_data="no", same_weights="no", verdict=UNDECIDED
    )  # a few images decide nothing


def _figure10(result: Result | None) -> Iterator[Verdict]:
    says = "DSD as a loss leaves fewer grid artifacts than PDL, style and multi-scale style"
    if result is None:
        yield Verdict("Fig. 10", says, "–")
        return
    more = against_dsd(result)
    here = ", ".join(f"{row.Index} {row.mean:+.2f} [{row.low:+.2f}, {row.high:+.2f}]" for row in more.itertuples())
    verdict = DIRECTION if (more.low > 0).all() else NOT if (more.high < 0).any() else UNDECIDED
    here = f"grid energy less DSD's, dB: {here}".replace("-", "−")
    yield Verdict("Fig. 10", says, "–", here, **origin_of(result), verdict=verdict)


def _found(name: str, folder: Path) -> Result | None:
    """A result; None where there is none yet."""
    return load_result(name, folder) if (folder / f"{name}.csv").is_file() else None
