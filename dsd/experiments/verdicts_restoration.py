"""The README's rows of Figures 8, 10 and 11: what the paper says of restored images."""

from collections.abc import Iterator

from dsd.experiments.fig10_grids import against_dsd
from dsd.experiments.fig11_deblurring import differences
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Result
from dsd.experiments.verdict import DIRECTION, NOT, UNDECIDED, Verdict, origin_of

MANY = 10  # images, or more: an interval over them says something


def figure8(result: Result | None) -> Iterator[Verdict]:
    """NIQE of other methods beside DSD's, on a few images; `result`: None where there is none."""
    says = "DSD's super-resolution is sharper and more photo-realistic than that of GANs (ESRGAN, SANGAN)"
    niqe = None if result is None else result.table.pivot(index=["set", "image"], columns="method", values="niqe")
    if result is None or niqe is None or "DSD" not in niqe:
        yield Verdict("Fig. 8", says, "–")
        return
    less = {name: (niqe[name] - niqe.DSD).dropna() for name in ("L1", "VDSR", "EnhanceNet", "ESRGAN") if name in niqe}
    here = ", ".join(f"{name} {values.mean():+.2f} (n = {len(values)})" for name, values in less.items())
    here = f"NIQE of others less DSD's: {here}".replace("-", "−")
    why = "a few images decide nothing; SANGAN's are not published"
    yield Verdict("Fig. 8", says, "–", here, **origin_of(result), verdict=UNDECIDED, why=why)


def figure10(result: Result | None) -> Iterator[Verdict]:
    """Grid energy with other losses beside DSD's; `result`: None where there is none."""
    says = "DSD as a loss leaves fewer grid artifacts than PDL, style and multi-scale style"
    if result is None:
        yield Verdict("Fig. 10", says, "–")
        return
    more = against_dsd(result)
    here = "; ".join(
        f"{row.Index} {with_interval(row.mean, row.low, row.high, form='+.2f')}, "
        + ("one seed" if row.seeds == 1 else f"± {row.std:.2f} over {row.seeds} seeds")
        for row in more.itertuples()
    )
    sure = more.noise == "images and seeds"
    verdict = (
        DIRECTION if (sure & (more["mean"] > 0)).all() else NOT if (sure & (more["mean"] < 0)).any() else UNDECIDED
    )
    here = f"grid energy less DSD's, dB: {here}".replace("-", "−")
    yield Verdict(
        "Fig. 10",
        says,
        "–",
        here,
        **origin_of(result),
        verdict=verdict,
        why="our criterion: beyond the noise of images and of seeds; short trainings",
    )


def figure11(result: Result | None) -> Iterator[Verdict]:
    """NIQE with DSD beside that with style; `result`: None where there is none."""
    item, says = "Fig. 11", "motion deblurring with DSD is sharper than with style, without ghosts"
    if result is None:
        yield Verdict(item, says, "–")
        return
    table = differences(result)
    parts = [
        f"{name}: {measure} {with_interval(*row.loc[measure, ['mean', 'low', 'high']], form='+.3f')}"
        for name, row in table.iterrows()
        for measure in ("LPIPS", "NIQE")
        if measure in table and row.loc[measure].notna().all()
    ]
    many = [name for name, about in result.provenance["datasets"].items() if about["count"] >= MANY]
    niqe = table["NIQE"].loc[many]
    lower, higher = niqe.high < 0, niqe.low > 0
    verdict = UNDECIDED  # also where sets disagree
    if many and (lower.all() or (higher.any() and not lower.any())):
        verdict = DIRECTION if lower.all() else NOT
    here = f"DSD − Style: {'; '.join(parts)}"
    why = "NIQE stands for sharpness; ghosts are not measured; short trainings, one seed"
    yield Verdict(item, says, "–", here, **origin_of(result), verdict=verdict, why=why)
