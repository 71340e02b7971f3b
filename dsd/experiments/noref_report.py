"""How well ψ tells ‖DSD‖ from the downscaled image, and whether Q_DSD rises with distortions (`make noref-report`)."""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter
from scipy.stats import spearmanr
from torch import Tensor
from tqdm import tqdm

from dsd.backbones.base import Precision
from dsd.data.distortions import MORE_DISTORTIONS
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import MEASURES, Width, figure_width, pretty
from dsd.experiments.tab1_tables import symbol
from dsd.noref.q_dsd import LEAST, load_measured, load_measures
from dsd.noref.regressor import LAYERS
from dsd.quality.brisque import BRISQUE
from dsd.quality.niqe import NIQE
from dsd.quality.unreferenced import Measures

PHOTOGRAPH = "none"  # of the distortions
SHOWN = ("DSD_2", "DSD_4", "joint DSD_2", "NIQE", "BRISQUE")
NAMES = {"noise": "white noise", "jpeg": "JPEG", "down_up": "down- and upscaled", "contrast": "less contrast"}


@torch.inference_mode()
def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    alphas: Sequence[float],
    regressors: Sequence[str],
    images: str,
    resize: int | None,
    crop: int,
    count: int,
    crops: int,
    distorted: int,
    device: str,
    seed: int,
) -> Computed:
    """Compare ‖DSD‖ with ψ on photographs, and on distorted copies of some. Args: the parameters of the notebook.

    Returns:
        A row for each view (`file`), `distortion` and `strength` (0: the photograph itself), and `measure`: of
        ``DSD_2`` … by `layer` with its `value`, ‖DSD‖, and `predicted`; of NIQE and BRISQUE with its `value`.
    """
    network = load_measured(backbone, weights, precision=precision, device=device)
    q_dsd = load_measures(network, alphas, regressors)
    others: dict[str, NIQE | BRISQUE] = {"NIQE": NIQE().to(network.device), "BRISQUE": BRISQUE().to(network.device)}
    photographs = Photographs.from_folder(images, resize=resize, crop=crop, count=count, crops=crops, seed=seed)
    rows = []
    for index in tqdm(range(len(photographs)), photographs.name, unit="image"):
        for distortion, strength, x in _copies(photographs[index], index < distorted):
            x = x.clamp(0, 1)[None].to(network.device)
            at = {"file": photographs.views[index].path.name, "view": index}
            at |= {"distortion": distortion, "strength": strength}
            for measure in q_dsd:
                expectation = measure.expectation(x)
                for layer, norm, predicted in zip(
                    LAYERS, expectation.norms[0].tolist(), expectation.predicted[0].tolist(), strict=True
                ):
                    of = {"measure": f"DSD_{measure.alpha:g}", "layer": layer}
                    rows.append({**at, **of, "value": norm, "predicted": predicted})
            rows += [{**at, "measure": name, "value": other(x).item()} for name, other in others.items()]
    extra = {"measures": Measures(q_dsd, others).provenance()}
    return Computed(pd.DataFrame(rows), network, {"images": photographs}, extra=extra)


def _copies(x: Tensor, distorted: bool) -> Iterator[tuple[str, int, Tensor]]:
    """A photograph and, if wanted, its distorted copies: distortion, strength from 1, image."""
    yield PHOTOGRAPH, 0, x
    for name, (distort, amounts) in MORE_DISTORTIONS.items() if distorted else ():
        for strength, amount in enumerate(amounts, 1):
            yield name, strength, distort(x, amount)


def predictions(result: Result) -> pd.DataFrame:
    """How well ψ tells ‖DSD‖ of photographs, by measure and layer.

    Returns:
        `spearman` and `pearson` of both over the photographs; `explained`, the share of ‖DSD‖'s variance that ψ
        explains (R²); `error`, the median of |ψ / ‖DSD‖ − 1|; `bias`, the median of ψ / ‖DSD‖ − 1.
    """
    rows = {}
    for key, of in photographs_of(result).groupby(["measure", "layer"], sort=False):
        error = of.predicted / of.value - 1
        rows[key] = {
            "spearman": _correlation(of.value.rank(), of.predicted.rank()),
            "pearson": _correlation(of.value, of.predicted),
            "explained": 1 - ((of.predicted - of.value) ** 2).mean() / of.value.var(ddof=0),
            "error": error.abs().median(),
            "bias": error.median(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["measure", "layer"])


def _correlation(x: pd.Series, y: pd.Series) -> float:
    """Pearson's; NaN of a constant."""
    return x.corr(y) if x.nunique() > 1 and y.nunique() > 1 else np.nan


def photographs_of(result: Result) -> pd.DataFrame:
    """Rows of ‖DSD‖ of the photographs themselves."""
    return result.table[(result.table.distortion == PHOTOGRAPH) & result.table.layer.notna()]


def summed(result: Result) -> pd.DataFrame:
    """Each measure of each image: Q_DSD and its relative form summed over layers, NIQE, BRISQUE.

    ``"joint DSD_2"``: the Mahalanobis distance of the layers' relative deviations, log ‖DSD‖ − log ψ, from those of the
    photographs without distorted copies: there must be more than five. It knows how far ψ is usually off, at each layer
    and at all together.

    Returns:
        Columns `view`, `distortion`, `strength`, `measure`, `value`.
    """
    table, keys = result.table, ["view", "distortion", "strength", "measure"]
    own = table[table.layer.notna()]
    norms, predicted = (own[name].clip(lower=LEAST) for name in ("value", "predicted"))
    deviation = (norms / predicted).map(np.log)
    q_dsd = own.assign(value=(own.predicted - own.value).abs())
    relative = own.assign(value=deviation.abs(), measure="log " + own.measure)
    sums = pd.concat([q_dsd, relative]).groupby(keys, sort=False).value.sum().reset_index()
    wide = own.assign(value=deviation).pivot(index=keys, columns="layer", values="value").reset_index()
    joint = pd.concat([_joint(of) for _, of in wide.groupby("measure", sort=False)])[[*keys, "value"]]
    return pd.concat([sums, joint, table[table.layer.isna()][[*keys, "value"]]], ignore_index=True)


def _joint(wide: pd.DataFrame) -> pd.DataFrame:
    """Mahalanobis distances of rows of deviations, a column for each layer, of one measure; none of too few."""
    layers = list(LAYERS)
    copied = wide["view"].isin(wide["view"][wide.strength > 0])
    usual = wide.loc[~copied, layers]
    if len(usual) <= len(layers) + 1:
        return wide.iloc[:0].assign(value=0.0)
    offset = (wide[layers] - usual.mean()).to_numpy()
    squares = np.einsum("ni,ij,nj->n", offset, np.linalg.pinv(usual.cov().to_numpy()), offset)
    return wide.assign(measure="joint " + wide.measure, value=np.sqrt(squares.clip(min=0)))


def rises(result: Result, resamples: int = 2000) -> pd.DataFrame:
    """Whether measures rise with each distortion: Spearman's correlation of value and strength, from 0 to the highest.

    Returns:
        By measure and distortion: `spearman`, the mean over photographs, and `low` and `high`, its 95 % bootstrap
        interval over them; `above`: the share of distorted copies that have a higher value than their photograph.
    """
    table = summed(result)
    wide = table.pivot_table(index=["measure", "view"], columns=["distortion", "strength"], values="value", sort=False)
    wide = wide.dropna()
    random = np.random.default_rng(result.parameters["seed"])
    rows = {}
    for distortion in MORE_DISTORTIONS:
        steps = pd.concat([wide[[(PHOTOGRAPH, 0)]], wide[distortion]], axis=1)
        each = steps.apply(lambda values: spearmanr(range(len(values)), values).statistic, axis=1)
        above = steps.iloc[:, 1:].gt(steps.iloc[:, 0], axis=0).mean(axis=1)
        for measure, values in each.groupby("measure", sort=False):
            drawn = random.choice(values.to_numpy(), (resamples, len(values))).mean(axis=1)
            low, high = np.percentile(drawn, [2.5, 97.5])
            row = {"spearman": values.mean(), "low": low, "high": high, "above": above[measure].mean()}
            rows[measure, distortion] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["measure", "distortion"])


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw ψ against ‖DSD‖ by layer, and the measures against the strength of each distortion.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    columns = 4 if width == "page" else 2
    rows = len(LAYERS) // columns
    more = 3 if width == "page" else 2
    figure = plt.figure(figsize=(figure_width(width), 1.55 * (rows + len(MORE_DISTORTIONS) // more) + 0.4))
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[rows, len(MORE_DISTORTIONS) // more])[:, 0]
    axes = upper.subplots(rows, columns).flat
    for axis, layer in zip(axes, LAYERS, strict=True):
        _draw_predictions(axis, result, layer)
    upper.supxlabel(r"$10^3\,\Vert$DSD$\Vert_1$ of the photograph", fontsize=8)
    upper.supylabel("predicted by ψ", fontsize=8)
    upper.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    axes = lower.subplots(len(MORE_DISTORTIONS) // more, more, sharex=True, sharey=True).flat
    table = summed(result)
    for axis, distortion in zip(axes, MORE_DISTORTIONS, strict=True):
        _draw_strengths(axis, table, distortion)
    lower.supxlabel("strength of the distortion", fontsize=8)
    lower.supylabel("rise ÷ spread of photographs", fontsize=8)
    lower.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5 if width == "page" else 3)
    return figure


def _draw_predictions(axis: Axes, result: Result, layer: str) -> None:
    """A dot for each photograph and alpha, and where they should lie."""
    of_layer = photographs_of(result)[lambda table: table.layer == layer]
    statistics = predictions(result)
    notes = []
    for measure, of in of_layer.groupby("measure", sort=False):
        look = {"linestyle": "none", "label": symbol(str(measure)), **MEASURES[str(measure)]}
        axis.loglog(1e3 * of.value, 1e3 * of.predicted, markersize=2, **look)
        notes.append(f"{statistics.spearman[measure, layer]:.2f}")
    ends = 1e3 * np.array([of_layer.value.min(), of_layer.value.max()])
    axis.plot(ends, ends, color="0.3", linewidth=0.7)
    axis.set_title(f"{pretty(layer)}: {', '.join(notes)}")
    for direction in (axis.xaxis, axis.yaxis):
        direction.set_major_locator(FixedLocator([1, 3, 10, 30, 100]))
        direction.set_major_formatter(ScalarFormatter())
        direction.set_minor_locator(NullLocator())


def _draw_strengths(axis: Axes, table: pd.DataFrame, distortion: str) -> None:
    """Medians and quartiles of how much each measure rises, in units of its standard deviation over those views."""
    for measure, of in table.groupby("measure", sort=False):
        if measure not in SHOWN:
            continue
        copied = of["view"].isin(of["view"][of.strength > 0])
        unit = of.value[(of.distortion == PHOTOGRAPH) & copied].std()
        wide = of.pivot(index="view", columns=["distortion", "strength"], values="value").dropna()
        rise = wide[distortion].sub(wide[PHOTOGRAPH, 0], axis=0) / unit
        low, middle, high = np.pad(rise.quantile([0.25, 0.5, 0.75]).to_numpy(), ((0, 0), (1, 0)))  # from 0
        look, steps = MEASURES[str(measure)], range(len(middle))
        axis.fill_between(steps, low, high, color=look["color"], alpha=0.15, linewidth=0)
        axis.plot(steps, middle, linewidth=1, markersize=3, label=symbol(str(measure)), **look)
    axis.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    axis.set_yscale("symlog", linthresh=1)
    axis.yaxis.set_major_locator(FixedLocator([-1, 0, 1, 10, 100]))
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_title(NAMES.get(distortion, distortion))


def caption(result: Result) -> str:
    """What the figure shows."""
    table = result.table
    count, distorted = table["view"].nunique(), table["view"][table.strength > 0].nunique()
    files = table.file.nunique()
    views = f"{count} photographs" if files == count else f"{count} views of {files} photographs"
    return (
        rf"Above: $\lVert\mathrm{{DSD}}_\alpha\rVert_1$ of {views} that $\psi$ was not trained on, and what it "
        "predicts from the downscaled image, means over windows of the size in its training; in the titles, Spearman's "
        f"correlation for each $\\alpha$. Below: how much measures without a reference rise in distorted copies of "
        f"{distorted} of them, in units of their standard deviation over these: medians and quartiles. Above 1 the "
        "vertical axis is logarithmic. Joint: the Mahalanobis distance of the layers' relative deviations from those "
        "of the others."
    )
