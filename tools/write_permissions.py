"""Write docs/permissions.md from the permissions that the program enumerates."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from surehold.identity.permissions import FOR_VENDORS, NEW_STORE_ROLES, SENTENCES

PAGE: Final = Path(__file__).parents[1] / "docs" / "permissions.md"

_HEAD: Final = """\
# Permissions

Made from `src/surehold/identity/permissions.py` by `python -m tools.write_permissions`;
a test compares them.

Staff may what their roles permit, taken together. Roles are rows: the ones below are those of a
new store, and whoever has `staff.write` changes them or adds others, never with more than they
have themselves. An admin may everything, whatever roles there are. Vendor staff may what their
roles permit of what is marked below, within their vendor. Buyers need no permission for what is
their own, and guests show the token of their order.

An API key may what is in its scopes *and* what its maker may at that moment. Who shows the secret
of the deployment's settings is the `operator`, and may everything.

Routes ask before anything else is done, and the commands behind them ask once more
([0026](decisions/0026-commands-ask-once-more.md)): what only staff may is refused, whatever a
route says of itself. Which route asks for which permission is in the
[access matrix](access-matrix.md) and, as `x-permission`, in the OpenAPI document.
"""


def page() -> str:
    """The whole page."""
    head = ["## What there is", "", "| permission | lets somebody | vendors |", "|---|---|---|"]
    lines = [_HEAD, *head]
    for one, said in SENTENCES.items():
        lines.append(f"| `{one.value}` | {said} | {'yes' if one in FOR_VENDORS else ''} |")
    roles = [f"`{code}`" for code, *_ in NEW_STORE_ROLES]
    lines += ["", "## Roles of a new store", "", f"| permission | {' | '.join(roles)} |"]
    lines.append("|---" * (len(roles) + 1) + "|")
    for one in SENTENCES:
        marks = ["yes" if one in permitted else "" for *_, permitted in NEW_STORE_ROLES]
        lines.append(f"| `{one.value}` | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.name}.")
