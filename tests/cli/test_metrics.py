from dsd.cli import main
from dsd.quality.metrics import METRICS


def test_lists_every_metric(capsys):
    assert main(["metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[: len(METRICS)]] == list(METRICS)
    assert len({line.index(line.split()[1]) for line in lines[: len(METRICS)]}) == 1  # one column
