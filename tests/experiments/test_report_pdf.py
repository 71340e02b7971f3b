"""The report as PDF, by what this machine has; and a plain answer where it has nothing."""

import contextlib
import re
import shutil
import zlib
from importlib.util import find_spec

import pytest

from dsd.experiments import report_pdf
from dsd.experiments.__main__ import main, write_report

PAGE = "<!DOCTYPE html><html><style>p { break-after: page; }</style><body><p>One.</p><p>Two.</p></body></html>"


@pytest.fixture
def page(tmp_path):
    (path := tmp_path / "report.html").write_text(PAGE)
    return path


def without_weasyprint(monkeypatch):
    monkeypatch.setattr(report_pdf, "find_spec", lambda name: None)


def pages_of(path):
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
        with contextlib.suppress(zlib.error):
            content += zlib.decompress(stream)
    return max(map(int, re.findall(rb"/Count (\d+)", content)))


@pytest.mark.skipif(not find_spec("weasyprint"), reason="WeasyPrint is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weasyprint(page):
    assert report_pdf.write_pdf(page) == page.with_suffix(".pdf")
    assert pages_of(page.with_suffix(".pdf")) >= 2
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.pdf"]


@pytest.mark.skipif(not any(map(shutil.which, report_pdf.BROWSERS)), reason="Chromium is not installed")
def test_chromium(page, monkeypatch):
    without_weasyprint(monkeypatch)
    assert report_pdf.write_pdf(page) == page.with_suffix(".pdf")
    assert pages_of(page.with_suffix(".pdf")) >= 2
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.pdf"]


def test_without_an_engine_there_is_no_pdf(page, monkeypatch):
    without_weasyprint(monkeypatch)
    monkeypatch.setattr(report_pdf.shutil, "which", lambda name: None)
    assert report_pdf.write_pdf(page) is None
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]


def test_a_browser_that_fails_is_an_error(page, monkeypatch):
    without_weasyprint(monkeypatch)
    monkeypatch.setattr(report_pdf, "BROWSERS", ("false",))
    with pytest.raises(ValueError, match="false wrote no PDF"):
        report_pdf.write_pdf(page)


def test_the_command_writes_the_page_all_the_same(tmp_path, monkeypatch, capsys):
    from dsd.experiments import report

    monkeypatch.setattr(report, "page", lambda folder: PAGE)
    without_weasyprint(monkeypatch)
    monkeypatch.setattr(report_pdf.shutil, "which", lambda name: None)
    main(["report", str(tmp_path)])
    first, second = capsys.readouterr().out.splitlines()
    assert first == str(tmp_path / "report.html")
    assert second.startswith("no PDF: it needs WeasyPrint (pip install 'dsd[report]'")
    assert (tmp_path / "report.html").read_text() == PAGE


def test_the_command_says_that_there_is_nothing(tmp_path):
    with pytest.raises(SystemExit, match="has no figure to report"):
        write_report(tmp_path)
