"""The explorer: controls, and a tab for each question about the image."""

import time
from collections.abc import Callable
from functools import partial
from html import escape
from threading import Thread

import ipywidgets as widgets

from dsd.data.images import EMBEDDED
from dsd.explore import views
from dsd.explore.answers import prepare
from dsd.explore.networks import LAYERS, load_network
from dsd.explore.optimise import OptimiseTab
from dsd.explore.photographs import ALPHAS
from dsd.explore.pictures import DEGRADATIONS, open_photograph, open_upload
from dsd.explore.views import Choice

# A further tab: its title, and what it shows of a choice, as HTML.
TABS: dict[str, Callable[[Choice], str]] = {
    "Fingerprint": views.fingerprint_tab,
    "Where": views.places_tab,
    "Measures": views.measures_tab,
    "Enlarge": views.enlarge_tab,
}


class Explorer:
    """The widgets, and what they do. One answer at a time: that of the tab that is seen.

    Example:
        >>> Explorer().page.children[0].children[0].value
        '<b>Image</b>'
    """

    def __init__(self) -> None:
        self._choice = Choice(open_photograph(EMBEDDED[0]))
        self._answered: dict[int, Choice] = {}  # what each tab shows
        self._silent = False  # while controls follow an answer instead of asking for one
        self._make_controls()
        self._answers = [widgets.HTML() for _ in TABS]
        self._optimise = OptimiseTab(self._say)
        self._tabs = widgets.Tab([*self._answers, self._optimise.widget], titles=[*TABS, "Optimise"])
        self._tabs.observe(lambda _: self._answer(), "selected_index")
        self.page = widgets.VBox([*self._rows(), self._message, self._tabs])
        self._answer()
        Thread(target=prepare, args=(self._choice.backbone,), daemon=True).start()

    def _make_controls(self) -> None:
        narrow = widgets.Layout(width="190px")
        self._photograph = widgets.Dropdown(options=[(name.rsplit(".")[0], name) for name in EMBEDDED], layout=narrow)
        self._upload = widgets.FileUpload(accept="image/*", description="Upload", layout={"width": "110px"})
        self._backbone = widgets.Dropdown(options=list(LAYERS), layout={"width": "100px"})
        self._layer = widgets.Dropdown(options=LAYERS["lite"], value=self._choice.layer, layout={"width": "110px"})
        self._alpha = widgets.Dropdown(options=ALPHAS, value=self._choice.alpha, layout={"width": "80px"})
        self._kind = widgets.Dropdown(
            options=[(degradation.label, kind) for kind, degradation in DEGRADATIONS.items()], layout={"width": "230px"}
        )
        self._strength = widgets.SelectionSlider(
            options=views.amounts(self._choice.kind), continuous_update=False, layout={"width": "300px"}
        )
        self._message = widgets.HTML()
        self._photograph.observe(self._on_photograph, "value")
        self._upload.observe(self._on_upload, "value")
        self._backbone.observe(self._on_backbone, "value")
        self._kind.observe(self._on_kind, "value")
        for name, control in {"layer": self._layer, "alpha": self._alpha, "strength": self._strength}.items():
            control.observe(partial(self._on_value, name), "value")

    def _rows(self) -> list[widgets.Widget]:
        def label(text: str) -> widgets.HTML:
            return widgets.HTML(f"<b>{text}</b>")

        first = [label("Image"), self._photograph, self._upload, label("Network"), self._backbone]
        first += [label("Layer"), self._layer, label("α"), self._alpha]
        second = [label("Degradation"), self._kind, label("Strength"), self._strength]
        flow = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 10px"}
        return [widgets.HBox(first, layout=flow), widgets.HBox(second, layout=flow)]

    def _on_value(self, name: str, change: dict) -> None:
        if not self._silent:
            self._choose(**{name: change["new"]})

    def _on_photograph(self, change: dict) -> None:
        if change["new"] is not None:
            self._choose(picture=open_photograph(change["new"]))

    def _on_upload(self, change: dict) -> None:
        if not change["new"]:
            return
        (file,) = change["new"]
        self._upload.value = ()  # so that the same file can be sent again
        try:
            picture = open_upload(bytes(file["content"]), file["name"])
        except (ValueError, MemoryError) as error:
            self._say(f"{error}. The image stays as it was.", bad=True)
        else:
            self._photograph.value = None
            self._choose(picture=picture)

    def _on_backbone(self, change: dict) -> None:
        if self._silent:
            return
        name = change["new"]
        try:
            load_network(name)
        except (FileNotFoundError, ValueError) as error:
            self._follow(lambda: setattr(self._backbone, "value", self._choice.backbone))
            self._say(f"{error}. data/README.md says how to get it. Shown: {self._choice.backbone}", bad=True)
            return
        layer = self._choice.layer if self._choice.layer in LAYERS[name] else views.FIRST_LAYER

        def follow() -> None:
            self._layer.options = LAYERS[name]
            self._layer.value = layer

        self._follow(follow)
        self._choose(backbone=name, layer=layer)

    def _on_kind(self, change: dict) -> None:
        strength = self._choice.strength

        def follow() -> None:
            self._strength.options = views.amounts(change["new"])
            self._strength.value = strength

        self._follow(follow)
        self._choose(kind=change["new"])

    def _follow(self, change: Callable[[], None]) -> None:
        self._silent = True
        change()
        self._silent = False

    def _choose(self, **changes: object) -> None:
        self._choice = self._choice.changed(**changes)
        self._answer()

    def _answer(self) -> None:
        """Bring the tab that is seen up to date."""
        index = self._tabs.selected_index or 0
        if self._answered.get(index) == self._choice:
            return
        start = time.perf_counter()
        if index < len(TABS):
            self._answers[index].value = list(TABS.values())[index](self._choice)
        else:
            self._optimise.show(self._choice)
        self._answered[index] = self._choice
        self._say(f"{self._choice.words} ({time.perf_counter() - start:.2f} s)")

    def _say(self, words: str, *, bad: bool = False) -> None:
        colour = "#B00020" if bad else "#595959"
        self._message.value = f'<div role="status" style="color:{colour};line-height:1.4">{escape(words)}</div>'


def explore() -> widgets.Widget:
    """The explorer, as a notebook shows it.

    Example:
        >>> type(explore()).__name__
        'VBox'
    """
    return Explorer().page
