"""The paper's claims: each has a verdict out of rows of the README's table."""

import pytest

from dsd.experiments import claims, verdicts
from dsd.experiments.verdict import NOTHING, Verdict


def test_every_claim_has_rows_and_every_statement_a_claim(tmp_path):
    """Also without any result; Table 3's comparisons come with its trainings."""
    for rows in (verdicts.verdicts(), verdicts.verdicts(tmp_path)):
        used = {row for claim in claims.CLAIMS for row in claims.rows_of(claim, rows)}
        without = [claim.where for claim in claims.CLAIMS if not claims.rows_of(claim, rows)]
        assert set(without) <= {"Sec. 4.1, Table 3"}
        statements = {row for row in rows if row.paper == NOTHING and row.verdict != NOTHING}
        assert statements <= used


def test_nothing_is_decided_without_results(tmp_path):
    rows = verdicts.verdicts(tmp_path)
    assert {claims.verdict_of(claims.rows_of(claim, rows)) for claim in claims.CLAIMS} == {"not run"}


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ([], "not run"),
        (["not run"], "not run"),
        (["direction only", "not run"], "direction only"),
        (["reproduced", "direction only"], "direction only"),
        (["reproduced", "reproduced"], "reproduced"),
        (["**not reproduced**", "not decided"], "**not reproduced**"),
        (["direction only", "not decided"], "in part"),
        (["direction only", "larger"], "in part"),
        (["direction only", "**not reproduced**"], "in part"),
        (["not decided"], "not decided"),
        (["no test", "not run"], "no test"),
    ],
)
def test_one_word_for_many(words, verdict):
    assert claims.verdict_of([Verdict("a", "b", "c", verdict=word) for word in words]) == verdict
