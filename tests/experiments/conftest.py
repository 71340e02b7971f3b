"""What tests of experiments need: a notebook's parameters, and figures that are closed after the test."""

import matplotlib.pyplot as plt
import pytest

from dsd.experiments.catalogue import find_experiment
from dsd.experiments.presets import default_parameters


@pytest.fixture
def parameters_of():
    """The notebook's parameters at the quick preset, with random weights and what else is changed."""

    def parameters_of(name, **changes):
        experiment = find_experiment(name)
        parameters = default_parameters(experiment) | {"weights": "random"} | changes
        assert set(parameters) == set(experiment.parameters)
        return {key: value for key, value in parameters.items() if key not in ("width", "stamp", "out_dir")}

    return parameters_of


@pytest.fixture(autouse=True)
def _figures_closed():
    yield
    plt.close("all")
