"""Files of filled forms: PDF, XLSX and CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from .forms import Filled

Format = Literal["pdf", "xlsx", "csv"]
MEDIA: Mapping[Format, str] = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


def written(filled: Filled, form: Format) -> bytes:
    """Return the file of a form. Raises GuardFailed for a PDF on a machine without a Chinese font."""
    if form == "pdf":
        from .pdf import as_pdf  # noqa: PLC0415 - its libraries take a quarter of a second at the start

        return as_pdf(filled)
    from .sheets import as_csv, as_xlsx  # noqa: PLC0415 - as for the PDF

    return as_xlsx(filled) if form == "xlsx" else as_csv(filled)
