"""`recover`: repairs a data folder whose files are missing, damaged or do not belong together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twinward.data_folder.recover import Choice, recover_folder
from twinward.errors import as_cli_errors
from twinward.flow import store_codes
from twinward.settings import read_settings


def recover(config: Path | None, choice: Choice, *, dry_run: bool) -> dict[str, Any]:
    """Apply the repairs; return the folder and one sentence per repair. Raises TwinwardError for what remains.

    dry_run: change nothing; the result also has the sentence of the first fault that these repairs leave.
    """
    settings = read_settings(config, os.environ)
    with as_cli_errors():
        report = recover_folder(
            settings.data_dir,
            choice,
            database=not settings.database,
            store=settings.store.kind == "duckdb",
            store_codes=store_codes,
            dry_run=dry_run,
            logs=not settings.log.url,
        )
    refused = [report.refused] if report.refused else []
    repairs = report.repairs or ([] if refused else ["nothing to repair: the files fit"])
    return {"data_dir": str(settings.data_dir), "dry_run": dry_run, "repairs": repairs, "refused": refused}
