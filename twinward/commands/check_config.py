"""`check-config`: validate the settings and each file that they name."""

from __future__ import annotations

import os
from pathlib import Path

from alerts.api.transport import transport
from alerts.notices.channels import open_channels
from ingest.mqtt import check_connection
from twinward.broker import check_embedded
from twinward.errors import ConfigError, TwinwardError, as_cli_errors
from twinward.log.places import check_log
from twinward.service import PACKAGE_ERRORS
from twinward.settings import Settings, read_settings
from twinward.tables import read_tables


def check_files(config: Path | None) -> Settings:
    """Return the settings. Raises ConfigError with all errors of the settings and of the files that they name.

    A plain connection off this machine is refused here as `run` refuses it.
    """
    settings = read_settings(config, os.environ)
    errors: list[str] = []
    checks = (
        lambda: read_tables(settings),
        lambda: open_channels(settings.notify),
        lambda: check_connection(settings.mqtt),
        lambda: check_embedded(settings.broker, settings.mqtt, settings.data_dir),
        lambda: transport(settings.http),
        lambda: check_log(settings.data_dir, settings.log.url),
    )
    for check in checks:
        try:
            with as_cli_errors(*PACKAGE_ERRORS):
                check()
        except TwinwardError as error:
            errors += str(error).splitlines()
    if errors:
        raise ConfigError(errors)
    return settings
