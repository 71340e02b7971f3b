from dsd.cli import main
from dsd.quality.metrics import METRICS, NO_REFERENCE


def test_lists_every_metric(capsys):
    """Under two headings, in one column."""
    assert main(["metrics"]) == 0
    with_reference, without, arrows = capsys.readouterr().out.split("\n\n")
    rows = []
    for text, heading, metrics in (
        (with_reference, "with a reference:", METRICS),
        (without, "without a reference:", NO_REFERENCE),
    ):
        first, *lines = text.splitlines()
        assert first == heading
        assert [line.split()[0] for line in lines] == list(metrics)
        for line, info in zip(lines, metrics.values(), strict=True):
            assert line.endswith(f" {'↑' if info.higher_is_better else '↓'} {info.summary}")
        rows += lines
    assert len({line.index(line.split()[1]) for line in rows}) == 1
    assert arrows == "↑ higher is better, ↓ lower is better\n"
