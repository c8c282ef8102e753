"""Write docs/personal-data.md from the register."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from surehold.privacy.not_personal import NOT_PERSONAL
from surehold.privacy.register import PERSONAL

PAGE: Final = Path(__file__).parents[1] / "docs" / "personal-data.md"

_HEAD: Final = """\
# Personal data

Made from `src/surehold/privacy/register.py` and `not_personal.py` by
`python -m tools.write_personal_data`; a test compares them, and another one the register with
the schema: a column of text, JSON or bytes that is in neither list fails the build.

## A copy of everything

```
POST /account/export         {"password": "quiet-harbor-lamp-41"}
→ 202 {"id": "01a2006c-b539-7488-904c-1eb6f1b3b3cb", "token": "mI2jZ1…",
       "expires_at": "2026-11-24T23:24:17.031842Z"}
POST /account/export/fetch   {"token": "mI2jZ1…"}
→ 409 {"code": "export_not_ready", "detail": "Ask again in a few seconds.", …}
→ 200 {"about": "mara@example.com", "account": […], "addresses": […], "orders": […], …}
the same once more
→ 404 {"code": "export_not_found", "title": "There is no such copy", …}
```

A job makes it. The token is in the first answer and nowhere else; the copy is deleted with the
answer that hands it out, or after 72 hours. Staff with `privacy.write` order one for a guest by
`POST /privacy/exports`, after making sure who asks.

## Erasure

```
POST /account/erase          {"password": "quiet-harbor-lamp-41"}
→ 409 {"code": "still_open", "open": [{"kind": "order", "reference": "SH-7K4M92QX"}], …}
→ 202 {"id": "01a2006c-c0de-7488-904c-1eb6f1b3b3cb"}
```

It is refused while something is open: an order that is neither delivered nor canceled, a payment
or refund under way, a return, a change that waits for money, a draft, store credit with a balance.
Otherwise the account is closed and every session ends with the answer, and it is noted which
orders are meant: one that is placed a moment later is a contract of its own. A job then goes over
every table, one step and one transaction at a time; whoever is stopped is carried on. 90 days
later, and every 90 days while a document has to be kept, all steps are done once more, for what
providers still sent. Staff with `privacy.write` do the same by `POST /privacy/erasures`, and
`GET /privacy/erasures/{id}` tells how far it is; of whom it was is not kept.

Orders keep their amounts, lines, taxes, dates, country and region. Invoices and credit notes keep
their content for `document_retention_years` (10 unless set) from their date, because the law says
so, and lose the person then. Histories are append-only for everybody else; how an erasure changes
their words, and nothing else, is told in
[decision 0022](decisions/0022-an-erasure-is-named-in-the-transaction.md).

Backups keep what was erased until they are deleted. After a restore, erasures that came later
have to be asked for again. Log files carry ids, no addresses.
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD, "## What is kept about people", ""]
    lines += ["| column | about | why | how long | on erasure | in a copy as |"]
    lines.append("|---|---|---|---|---|---|")
    for entry in PERSONAL:
        columns = " ".join(f"`{column}`" for column in entry.columns)
        shown = "—" if entry.exported_as is None else f"`{entry.exported_as}`"
        lines.append(
            f"| `{entry.table}`: {columns} | {entry.about} | {entry.why} | {entry.kept}"
            f" | {entry.fate.value} | {shown} |"
        )
    lines += ["", "## What is not about a person"]
    for reason, places in NOT_PERSONAL.items():
        lines += ["", f"**{reason[0].upper()}{reason[1:]}.** {'; '.join(places)}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.name}.")
