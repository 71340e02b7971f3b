import re

import gallery

from tests.conftest import REPOSITORY


def test_the_committed_page_is_up_to_date():
    assert (REPOSITORY / "figures" / "README.md").read_text(encoding="utf-8") == gallery.gallery()


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", gallery.gallery())
    assert len(links) > 10
    assert [link for link in links if not (REPOSITORY / "figures" / link).is_file()] == []
