"""A small figure with its files."""

import matplotlib.pyplot as plt
import pandas as pd

from dsd.experiments import output, provenance

CAPTION = r"50 % of $\alpha$, a_b: x² → (y) \ ‖z‖"
ORIGIN = {
    "commit": "1234567",
    "parameters": {"preset": "quick", "limits": {"a": 0.1, "10": 2, "9": 1e-9}},
    **{"backbone": "lite", "weights": "w.safetensors", "weights_sha256": "ab" * 32, "precision": "float32"},
    "datasets": {"images": {"summary": "ten photographs (10 views)"}},
    "versions": {"dsd": "0.1.0"},
}


def write_figure(folder, name="fig0", caption=CAPTION):
    """Write name.csv, .json, .png, .pdf and .tex."""
    provenance.save_table(pd.DataFrame({"x": [1, 2]}), ORIGIN, name, folder)
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.plot([1, 2])
    output.save_figure(figure, provenance.load_result(name, folder), caption, folder)
    plt.close(figure)
