"""A few hundred requests made from the API's own document; the long run is in ``proof``."""

from __future__ import annotations

from proof.inputs import api
from proof.inputs.people import Who

#: Beside every method that an address does not have.
CASES = 300


def test_no_generated_request_gets_another_answer_than_the_document_says(fresh_url: str) -> None:
    finding = api.run(cases=CASES, seed_number=11, database_url=fresh_url)

    assert finding.violations == ()
    assert finding.figures["cases"] >= CASES
    assert {f"asked by {who.value}" for who in Who} <= set(finding.figures)
    # Most of them must get somewhere, or nothing but the door was tried.
    assert finding.figures["operations that answered with success"] >= 15
