"""`dsd cite`."""

import json
import subprocess
import sys

from dsd.cite import bibtex
from dsd.cli import main
from tests.cite.samples import CAPTION, ORIGIN, write_figure


def test_prints_caption_bibtex_and_latex(tmp_path, capsys):
    write_figure(tmp_path)
    written = []
    for kind in ("png", "pdf", "json", "csv"):
        assert main(["cite", str(tmp_path / f"fig0.{kind}")]) == 0
        written.append((printed := capsys.readouterr()).out.replace(f"fig0.{kind}", "fig0.pdf"))
    assert len(set(written)) == 1
    assert printed.err == ""
    first, caption, entries, figure = printed.out.split("\n\n")
    assert first.startswith("% fig0: quick preset · lite, w.safetensors abababab, float32 · ten photographs")
    assert caption == f"% Caption\n{CAPTION}"
    assert entries == f"% BibTeX, for the .bib file\n{bibtex.PAPER}{bibtex.software('0.1.0', '1234567')}".rstrip()
    written = (tmp_path / "fig0.tex").read_text(encoding="utf-8")
    assert figure.split("\n", 2)[2] == written.split("\n", 1)[1]  # all but the line that says who wrote it


def test_an_older_stamp_is_printed_with_a_warning(tmp_path, capsys):
    (path := tmp_path / "fig0.json").write_text(json.dumps(ORIGIN))
    assert main(["cite", str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(f"dsd cite: {path} has an older stamp, without a digest")
    assert "% Caption\n(none: it is in fig0.png, which does not lie beside this file)" in printed.out


def test_refuses(tmp_path, capsys):
    (tmp_path / "fig0.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "fig0.tex").touch()
    for path, message in (
        (tmp_path / "fig0.pdf", "fig0.pdf has no stamp"),
        (tmp_path / "fig0.tex", "must be one of a figure's files"),
        (tmp_path / "fig1.pdf", "no file"),
    ):
        assert main(["cite", str(path)]) == 2
        assert message in capsys.readouterr().err


def test_a_caption_does_nothing_to_a_terminal(tmp_path, capsys):
    write_figure(tmp_path, caption="a\x1b[2Jb")
    assert main(["cite", str(tmp_path / "fig0.png")]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_starts_without_torch(tmp_path):
    write_figure(tmp_path)
    slow = {"torch", "matplotlib", "pandas"}
    program = f"import sys; from dsd.cli import main; main(sys.argv[1:]); print(*{slow} & set(sys.modules))"
    command = [sys.executable, "-c", program, "cite", str(tmp_path / "fig0.pdf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
