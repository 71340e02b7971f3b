import re

from dsd.experiments import gallery
from tests.conftest import REPOSITORY


def test_the_committed_page_is_up_to_date():
    assert (REPOSITORY / "figures" / "README.md").read_text(encoding="utf-8") == gallery.page()


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", gallery.page())
    assert len(links) > 10
    assert [link for link in links if not (REPOSITORY / "figures" / link).is_file()] == []


def test_the_page_is_written_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "FIGURES", tmp_path)
    gallery.write()
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith("# Figures and tables\n\nWritten by `make")
