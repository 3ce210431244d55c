"""Write the OpenAPI document to a file: `python -m alerts.api.export FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .app import routed


def export(path: Path) -> None:
    """Write the OpenAPI document as JSON with sorted keys, without a version, and without starting a server."""
    document = routed().openapi()
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    export(Path(sys.argv[1]))
