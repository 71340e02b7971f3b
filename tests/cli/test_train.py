from pathlib import Path

from dsd.cli import main


def test_passes_on_what_was_typed(tmp_path, monkeypatch, capsys):
    calls = []

    def distil(out, **options):
        calls.append((out, options))
        return out / "weights"

    monkeypatch.setattr("dsd.distil.train.distil", distil)
    assert main(["train", "lite"]) == 0
    start, weights = tmp_path / "start", tmp_path / "w.pth"
    start.touch()
    weights.touch()
    typed = ["--out", "run", "--weights", str(weights), "--steps", "3", "--seed", "4", "--device", "cpu"]
    assert main(["train", "lite", *typed, "--start", str(start)]) == 0
    assert calls == [
        (Path("build/lite"), {"steps": 8000, "seed": 0, "device": "auto", "weights": "auto", "start": None}),
        (
            Path("run"),
            {"steps": 3, "seed": 4, "device": "cpu", "weights": str(weights), "start": start},
        ),
    ]
    assert capsys.readouterr().out.splitlines() == ["build/lite/weights", "run/weights"]


def test_says_how_to_go_on(monkeypatch, capsys):
    def interrupt(out, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dsd.distil.train.distil", interrupt)
    assert main(["train", "lite"]) == 130
    assert capsys.readouterr().err == "dsd train lite: interrupted; the same command goes on from its last checkpoint\n"


def test_refuses_a_file_where_a_folder_is_expected(tmp_path, capsys):
    (tmp_path / "README.md").touch()
    assert main(["train", "lite", "--out", str(tmp_path / "README.md")]) == 2
    assert f"README.md/vgg19-lite.safetensors, {tmp_path / 'README.md'} is no folder" in capsys.readouterr().err
