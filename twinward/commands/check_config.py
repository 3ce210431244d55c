"""`check-config`: validate the settings and each file that they name."""

from __future__ import annotations

import os
from pathlib import Path

from alerts.notices.channels import open_channels
from twinward.errors import ConfigError, TwinwardError, as_cli_errors
from twinward.service import PACKAGE_ERRORS
from twinward.settings import Settings, read_settings
from twinward.tables import read_tables


def check_files(config: Path | None) -> Settings:
    """Return the settings. Raises ConfigError with all errors of the settings and of the files that they name."""
    settings = read_settings(config, os.environ)
    errors: list[str] = []
    for read in (lambda: read_tables(settings), lambda: open_channels(settings.notify)):
        try:
            with as_cli_errors(*PACKAGE_ERRORS):
                read()
        except TwinwardError as error:
            errors += str(error).splitlines()
    if errors:
        raise ConfigError(errors)
    return settings
