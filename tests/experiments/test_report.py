"""The report: one page that needs no other file, with every row, from whatever was rendered."""

import json
import re
import shutil
from html import unescape
from html.parser import HTMLParser

import pytest

from dsd.cite.stamp import seal
from dsd.experiments import claims, report
from dsd.experiments.printed_numbers import printed_numbers
from dsd.experiments.verdicts import SAMPLE
from tests.cite.samples import ORIGIN, write_figure


class Resources(HTMLParser):
    """What a page loads, links to and runs, and its text."""

    def __init__(self, page):
        super().__init__()
        self.loads, self.links, self.tags, self.text = [], [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        """Note it."""
        self.tags.append(tag)
        for name, value in attributes:
            if name == "href" and tag == "a":
                self.links.append(value)
            elif name in ("src", "href", "srcset", "data", "poster", "background", "action"):
                self.loads.append(value)
            elif name == "style":
                self.loads += re.findall(r"url\(([^)]*)", value)

    def handle_data(self, data):
        """Note it."""
        if self.lasttag == "style":
            self.loads += re.findall(r"url\(([^)]*)|@import\s+(\S+)", data)
        self.text += f" {data}"


@pytest.fixture(scope="module")
def sample():
    """The committed page."""
    return (SAMPLE / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def one_figure(tmp_path):
    """A folder with one figure of the quick preset, whose caption would be HTML."""
    write_figure(tmp_path, "fig7", "<b>bold</b> & $x_1$")
    return tmp_path


def test_a_figure_of_no_network(tmp_path, monkeypatch):
    kept = {key: ORIGIN[key] for key in ("commit", "parameters", "datasets", "versions")}
    monkeypatch.setattr("tests.cite.samples.ORIGIN", kept)
    write_figure(tmp_path, "fig-attribution")
    page = report.write(tmp_path).read_text(encoding="utf-8")
    assert "quick preset · ten photographs (10 views) · commit 1234567" in page
    assert "Networks" not in page


def words(text):
    return re.sub(r"\s+", " ", text)


def test_needs_no_other_file(sample):
    page = Resources(sample)
    assert page.loads
    assert all(address.startswith("data:image/") for address in page.loads)
    assert all(link.startswith(("#", "https://")) for link in page.links)
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & set(page.tags)
    assert page.tags.count("img") == len(page.loads)
    assert len(sample.encode()) < 10_000_000


def test_the_committed_page_has_every_row(sample):
    """Where this fails: make report PRESET=sample."""
    text = words(Resources(sample).text)
    for number, claim in enumerate(claims.CLAIMS, 1):
        assert f" {number} {claim.text} {claim.where}" in text
    (table,) = re.findall(r'<section id="numbers".*?</section>', sample, re.DOTALL)
    lines = [
        [words(unescape(re.sub("<[^>]*>", "", cell))).strip() for cell in re.findall(r"<td.*?</td>", line, re.DOTALL)]
        for line in re.findall(r"<tr><td>.*?</tr>", table, re.DOTALL)
    ]
    expected = [
        [row.item, row.says, row.paper, row.here.replace("; ", " "), row.same_data, row.same_weights]
        for row in printed_numbers(SAMPLE)
    ]
    assert [line[:6] for line in lines] == expected
    assert [line[6] for line in lines] == [row.verdict.strip("*") for row in printed_numbers(SAMPLE)]
    assert all(len(line) == 9 for line in lines)


def test_the_committed_page_shows_every_figure(sample):
    text = Resources(sample).text
    for path in SAMPLE.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["commit"] in text, path.name
    assert sample.count("<article") == len(list(SAMPLE.glob("*.json")))
    for heading in ("The paper's claims", "Every number that the paper prints", "What may be contested", "How to cite"):
        assert heading in text


def test_one_figure_is_enough(one_figure, monkeypatch):
    """The rest was not run; the quick preset decides nothing."""
    monkeypatch.setattr(report, "verdicts", lambda folder: [])
    path = report.write(one_figure)
    assert path == one_figure / "report.html"
    page = path.read_text(encoding="utf-8")
    text = words(Resources(page).text)
    assert "Quick preset: ten photographs" in text
    assert "14 of its claims: 14 not run" in text
    assert "no result yet" in text
    assert page.count("<article") == 1
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; <i>x</i><sub>1</sub>" in page
    assert "parameters.limits.a" in text
    assert report.page(one_figure) == page  # the same files make the same page


def test_nothing_to_report(tmp_path):
    with pytest.raises(ValueError, match="has no figure to report: render one first, `make fig7` say"):
        report.write(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_changed_figure_is_an_error(one_figure):
    about = json.loads((one_figure / "fig7.json").read_text()) | {"commit": "7654321"}
    (one_figure / "fig7.json").write_text(json.dumps(seal(about)))
    with pytest.raises(ValueError, match="was drawn from other numbers"):
        report.write(one_figure)


def test_dates_are_those_of_commits(monkeypatch, tmp_path):
    assert report._date("unknown (not a git checkout)") == ""
    assert report._date("0000000") == ""
    assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", report._date("97168a6+dirty"))  # "" in a shallow clone
    monkeypatch.setattr(report, "REPOSITORY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert report._date("97168a6") == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert report._date("97168a6") == ""
    assert not shutil.which("git")
