"""`recover`: repairs a data folder whose files are missing, damaged or do not belong together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twinward.data_folder.recover import recover_folder
from twinward.errors import as_cli_errors
from twinward.settings import read_settings


def recover(config: Path | None, *, aside: list[str], adopt: bool, new_log: bool, new_database: bool) -> dict[str, Any]:
    """Apply the repairs; return the folder and one sentence per repair. Raises TwinwardError for what remains."""
    settings = read_settings(config, os.environ)
    with as_cli_errors():
        repairs = recover_folder(
            settings.data_dir,
            database=not settings.database,
            store=settings.store.kind == "duckdb",
            aside=aside,
            adopt=adopt,
            new_log=new_log,
            new_database=new_database,
        )
    return {"data_dir": str(settings.data_dir), "repairs": repairs or ["nothing to repair: the files fit"]}
