"""Score every image of a folder, and draw the histogram of its scores.

.venv/bin/python examples/scan_and_plot.py photographs/ --out scores
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from dsd.data.images import embedded_photographs
from dsd.scan.collection import Settings, scan

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", nargs="?", default=embedded_photographs()[0].parent, help="scikit-image's pictures")
parser.add_argument("--out", type=Path, default=Path("scores"), help="writes OUT.parquet and OUT.png")
parser.add_argument("--layer", default="relu3_1")
parser.add_argument("--backbone", default="lite", help="lite comes with the package; vgg19 for numbers to cite")
options = parser.parse_args()

table_file, picture = options.out.with_suffix(".parquet"), options.out.with_suffix(".png")
settings = Settings(layers=(options.layer,), alphas=(2,), backbone=options.backbone)
scan(options.folder, table_file, settings, workers=0)  # a second call goes on from the first

table = pd.read_parquet(table_file)
column = f"{options.layer}_dsd2"
scores = table[table.error.isna()].sort_values(column)
print(scores[["path", column]].to_string(index=False))
print(f"{len(scores)} of {len(table)} images have a score")

figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.hist(1e3 * scores[column], bins=20, color="0.5")
axis.set_xlabel(rf"$\Vert$DSD$_2\Vert_1 \times 10^3$ at {options.layer}")
axis.set_ylabel("Images")
figure.savefig(picture, dpi=150)
print(f"wrote {table_file} and {picture}")
