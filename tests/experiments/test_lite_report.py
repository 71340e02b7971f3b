from dsd.experiments import lite_report


def test_held_out(tmp_path, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    for name in ("imagenet-sample/n00000001_a.JPEG", "imagenet-sample/n00000002_b.JPEG", "bsds500/val/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    photographs, contents = lite_report.load("held out", ["bsds500/val/1.jpg"], resize=48, crop=32, count=10)
    assert {view.path.name for view in photographs.views} == {"n00000001_a.JPEG", "1.jpg"}
    assert [view.path.name for view in contents.views] == ["1.jpg"]
