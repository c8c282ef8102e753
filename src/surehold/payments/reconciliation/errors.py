"""The failures of reconciliation.

DomainError
├── NoReportMapping          404
├── DifferenceNotFound       404
└── DifferenceEnded          409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class NoReportMapping(DomainError):
    """Nothing says how this provider writes its reports. Facts: ``provider``."""

    kind = Kind.NOT_FOUND
    code = "no_report_mapping"
    title = "No such provider's reports are known"


class DifferenceNotFound(DomainError):
    """There is no such difference."""

    kind = Kind.NOT_FOUND
    code = "difference_not_found"
    title = "No such difference"


class DifferenceEnded(DomainError):
    """It was explained or resolved before. Facts: ``state``."""

    kind = Kind.CONFLICT
    code = "difference_ended"
    title = "This difference is over"
