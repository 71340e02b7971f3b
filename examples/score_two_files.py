"""Compare a distorted image with its reference, by several measures.

.venv/bin/python examples/score_two_files.py reference.png distorted.png --metrics dsd,style,psnr
"""

import argparse
from pathlib import Path

import dsd

PICTURES = Path(__file__).parents[1] / "figures" / "sample"  # a photograph, and the same super-resolved

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("reference", nargs="?", default=PICTURES / "fig6_original.png")
parser.add_argument("distorted", nargs="?", default=PICTURES / "fig6_step-0.png")
parser.add_argument("--metrics", default="dsd,style,perceptual,psnr", help="names out of `dsd metrics`")
parser.add_argument("--backbone", default="lite", help="lite comes with the package; vgg19 for numbers to cite")
options = parser.parse_args()

network = dsd.load_backbone(options.backbone, ["relu2_1", "relu2_2", "relu3_1"])
reference, distorted = dsd.load_image(options.reference)[None], dsd.load_image(options.distorted)[None]
for name in options.metrics.split(","):
    metric = dsd.create_metric(name, network)
    better = "higher is better" if metric.higher_is_better else "lower is better"
    print(f"{name:<12}{metric(distorted, reference).item():>12.6g}  {better}")
