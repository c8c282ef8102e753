"""What can be refused of fraud assessments.

DomainError
└── AssessmentNotFound 404
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class AssessmentNotFound(DomainError):
    """There is no fraud assessment with this id."""

    kind = Kind.NOT_FOUND
    code = "fraud_assessment_not_found"
    title = "No such fraud assessment"
