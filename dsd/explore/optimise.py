"""The tab of the explorer in which pixels are optimised: live, and stoppable."""

import time
from collections.abc import Callable

import ipywidgets as widgets
from torch import Tensor

from dsd.explore.descent import STEPS, Descent, distance_to, own_norm
from dsd.explore.pictures import CENTRE, degrade
from dsd.explore.views import Choice, way

EVERY = 0.4  # seconds from picture to picture
OWN, DISTANCE = "‖DSD‖ of the image itself (Fig. 6)", "L_DSD to the original (Fig. 4)"


class OptimiseTab:
    """Its widgets, and the descent that runs.

    Args:
        say: called with words for the user, from another thread too.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._choice: Choice | None = None
        self._descent: Descent | None = None
        self._goal = widgets.Dropdown(options=[OWN, DISTANCE], layout={"width": "270px"})
        self._start = widgets.Button(description="Start", button_style="primary", layout={"width": "90px"})
        self._stop = widgets.Button(description="Stop", disabled=True, layout={"width": "90px"})
        self._way = widgets.HTML()
        self._start.on_click(lambda _: self._run())
        self._stop.on_click(lambda _: self.stop())
        controls = [widgets.HTML("<b>Make small</b>"), self._goal, self._start, self._stop]
        flow = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 10px"}
        self.widget = widgets.VBox([widgets.HBox(controls, layout=flow), self._way])

    def show(self, choice: Choice) -> None:
        """Show what the next descent begins with; one that runs ends."""
        self.stop()
        self._choice = choice
        self._way.value = way(choice, self._begin(choice), [])

    def stop(self) -> None:
        """End the descent that runs; its last state stays."""
        if self._descent:
            self._descent.stop()
            self._descent = None

    def _begin(self, choice: Choice) -> Tensor:
        return degrade(choice.picture, choice.kind, choice.strength, CENTRE)

    def _run(self) -> None:
        choice, goal = self._choice, self._goal.value
        if choice is None:
            return
        if goal == DISTANCE and not choice.strength:
            self._say("Choose a degradation and its strength first: the image is the original still.")
            return
        self.show(choice)
        if goal == OWN:
            loss = own_norm(choice.backbone, choice.alpha)
        else:
            original = degrade(choice.picture, choice.kind, 0, CENTRE)
            loss = distance_to(original, choice.backbone, choice.alpha)
        name = goal.split(" (")[0]
        shown = 0.0

        def report(x: Tensor, values: list[float]) -> None:
            nonlocal shown
            if time.perf_counter() - shown > EVERY or len(values) > STEPS:
                self._way.value = way(choice, x, values, name)
                shown = time.perf_counter()

        def done(words: str) -> None:
            self._start.disabled, self._stop.disabled = False, True
            self._say(words or "The optimisation has ended.")

        self._start.disabled, self._stop.disabled = True, False
        self._descent = Descent(self._begin(choice), loss, report, done)
