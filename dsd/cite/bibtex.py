"""BibTeX of the paper and of this software."""

PAPER = """\
@inproceedings{kligvasser2021deep,
  title     = {Deep Self-Dissimilarities as Powerful Visual Fingerprints},
  author    = {Kligvasser, Idan and Rott Shaham, Tamar and Bahat, Yuval and Michaeli, Tomer},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {34},
  year      = {2021}
}
"""
YEAR = 2026  # of this version


def software(version: str, commit: str) -> str:
    """The entry of this software.

    Args:
        version: of the package, ``0.1.0``.
        commit: that the numbers are of.

    Example:
        >>> print(software("0.1.0", "ac7fd69").splitlines()[-2])
          note    = {Commit ac7fd69}
    """
    return f"""\
@software{{dsd_replication,
  title   = {{DSD: a reference replication of Deep Self-Dissimilarities as Powerful Visual Fingerprints}},
  author  = {{{{The DSD contributors}}}},
  version = {{{version}}},
  year    = {{{YEAR}}},
  note    = {{Commit {commit}}}
}}
"""
