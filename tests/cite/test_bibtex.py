"""BibTeX says what the README and CITATION.cff say."""

import re

import yaml

import dsd
from dsd.cite import bibtex
from tests.conftest import REPOSITORY


def test_is_that_of_the_readme():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```bibtex\n(.*?)```", readme, re.DOTALL)
    assert block == bibtex.PAPER + bibtex.software(dsd.__version__, "…")


def test_is_that_of_citation_cff():
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    paper = cited["preferred-citation"]
    names = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"])
    for text in (paper["title"], names, str(paper["volume"]), str(paper["year"])):
        assert f"{{{text}}}" in bibtex.PAPER
    own = bibtex.software(cited["version"], "1234567")
    for text in (cited["title"], cited["authors"][0]["name"], cited["version"], "Commit 1234567"):
        assert f"{{{text}}}" in own
