"""`dsd scan` on JPEGs of 256²: images per second against its two parts alone, and the whole command, here and on Ray.

The command is run at N and at 10 N images: what does not grow with them is its start, and memory should not grow.

python benchmarks/scan.py [--images 1000] [--layers relu3_1] [--backbone lite] [--weights auto] [--workers 2]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from _measure import interleaved, peak_mib, print_peak_of_command, write
from PIL import Image
from torch.utils.data import DataLoader

from dsd.backbones import find_device
from dsd.data.images import to_uint8
from dsd.data.views import Photographs
from dsd.descriptor import dsd_norm
from dsd.scan.collection import scan
from dsd.scan.items import find_items
from dsd.scan.scoring import Scorer, Views
from dsd.scan.settings import Settings


def write_images(folder: Path, count: int) -> None:
    """Crops of the embedded photographs, as ImageNet stores its own."""
    views = Photographs.from_folder("embedded", resize=300, crop=256, count=count, crops=-(-count // 10))
    folder.mkdir()
    for index in range(count):
        Image.fromarray(to_uint8(views[index])).save(folder / f"{index:06}.jpg", quality=90)


def parts_and_whole(folder: Path, settings: Settings, workers: int) -> dict[str, Callable[[], object]]:
    """Decoding alone, the network alone, and the scan, which at best takes as long as the slower of them."""
    root, items = find_items(folder)
    scorer = Scorer(settings, root, workers, settings.device)
    images = Views(root, settings, scorer.backbone.smallest)
    views = [images[item][1] for item in items[: settings.batch_size]]
    x = torch.stack([view for view in views if isinstance(view, torch.Tensor)]).to(scorer.backbone.device)

    def decode() -> None:
        for _ in DataLoader(images, batch_size=None, sampler=items, num_workers=workers):
            pass

    @torch.inference_mode()
    def network() -> None:
        for part in (x[: len(items) - start] for start in range(0, len(items), len(x))):
            dsd_norm(part, scorer.backbone, settings.alphas)

    def whole() -> None:
        with tempfile.TemporaryDirectory() as place:
            scan(folder, Path(place) / "scores.parquet", settings, workers=workers)

    return {"decoding alone": decode, "network alone": network, "scan": whole}


def main() -> None:
    """Measure, print and write scan.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--layers", default="relu3_1")
    parser.add_argument("--backbone", default="lite")
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    parser.add_argument("--engine", default="local", help=argparse.SUPPRESS)
    options = parser.parse_args()
    asked = [f"--{name}={getattr(options, name)}" for name in ("layers", "backbone", "weights", "workers")]
    if options.peak_of:
        out = Path(options.peak_of).with_suffix(f".{options.engine}.parquet")
        command = ["scan", options.peak_of, f"--out={out}", f"--engine={options.engine}", "--shard-size=100", *asked]
        print_peak_of_command(command)
        return
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as place:
        folders = {count: Path(place) / str(count) for count in (options.images, 10 * options.images)}
        for count, folder in folders.items():
            write_images(folder, count)
        settings = Settings(
            options.layers.split(","), backbone=options.backbone, weights=options.weights, device=find_device("auto")
        )
        medians = interleaved(parts_and_whole(folders[options.images], settings, options.workers), options.rounds)
        for what, seconds in medians.items():
            rows.append({"what": what, "images": options.images, "seconds": seconds})
        for engine in ("local", "ray") if find_spec("ray") else ("local",):
            for count, folder in folders.items():
                start = time.perf_counter()
                peak = peak_mib(__file__, "--peak-of", str(folder), "--engine", engine, *asked)
                rows.append(
                    {
                        "what": f"dsd scan --engine {engine}, from its start",
                        "images": count,
                        "seconds": time.perf_counter() - start,
                        "peak_MiB": peak,  # of the process that scores or, on Ray, of the one that waits
                    }
                )
    for row in rows:
        row["images_per_s"] = row["images"] / row["seconds"]  # type: ignore[operator]
    write(__file__, [row | {"backbone": options.backbone, "layers": options.layers} for row in rows])


if __name__ == "__main__":
    main()
