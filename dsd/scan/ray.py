"""A scan on the machines of a Ray cluster."""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from dsd.scan.items import Item
from dsd.scan.scoring import Scorer
from dsd.scan.settings import Settings


class _Actor:
    """A scorer on a machine of the cluster, which gets one unit at a time."""

    def __init__(self, provenance: dict[str, str], settings: Settings, root: Path, workers: int) -> None:
        self.scorer = Scorer(settings, root, workers, settings.device)
        if (here := self.scorer.backbone.provenance()) != provenance:
            raise ValueError(f"the backbone must be the same on all machines, got {here} and {provenance}")

    def __call__(self, row: dict[str, str]) -> dict[str, int]:
        (count,) = self.scorer({row["shard"]: [Item(*item) for item in json.loads(row["items"])]})
        return {"count": count}


def score_on_ray(scorer: Scorer, units: Mapping[str, Sequence[Item]], address: str | None) -> Iterator[int]:
    """What ``scorer(units)`` does, with a unit as the row of a Ray dataset.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        ValueError: no machine of the cluster has the CPUs, or the GPU, that a process needs.
    """
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_LOG_LEVEL": "WARNING"} | os.environ
    try:
        import ray.data
    except ImportError as error:
        raise ModuleNotFoundError("the engine ray needs Ray: pip install '.[ray]' in the repository") from error
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    try:
        settings, weights = scorer.settings, Path(scorer.settings.weights)
        if weights.is_file():
            settings = replace(settings, weights=str(weights.absolute()))
        threads = torch.get_num_threads()  # the scorer has set them
        needs = {"CPU": threads} | ({"GPU": 1} if settings.device.startswith("cuda") else {})
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(min(int(has.get(what, 0) // count) for what, count in needs.items()) for has in machines)
        if not room:
            raise ValueError(f"no machine of the Ray cluster has {needs}; fewer threads need fewer CPUs")
        rows = [{"shard": shard, "items": json.dumps(items)} for shard, items in units.items()]
        ray.data.DataContext.get_current().enable_progress_bars = False
        counts = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Actor,  # type: ignore[arg-type]
            fn_constructor_args=(scorer.backbone.provenance(), settings, scorer.root, scorer.workers),
            num_cpus=needs["CPU"],
            num_gpus=needs.get("GPU", 0),
            compute=ray.data.ActorPoolStrategy(size=min(room, len(rows))),
        )
        for row in counts.iter_rows():
            yield row["count"]
    finally:
        if ours:
            ray.shutdown()
