"""Write the schemas of the OpenAPI document to a file: `python -m alerts.api.export FILE`.

The console's TypeScript types are generated from this file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .app import routed


def export(path: Path) -> None:
    """Write the schemas as an OpenAPI document with sorted keys, without starting a server.

    The file holds no routes, examples or titles: they would only add comments to the types.
    """
    document = routed().openapi()
    components = {"schemas": _without_notes(document["components"]["schemas"])}
    content = {"openapi": document["openapi"], "info": document["info"], "paths": {}, "components": components}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _without_notes(value: Any) -> Any:
    """Return a schema without examples and generated titles; a property named `title` is a schema and stays."""
    if isinstance(value, list):
        return [_without_notes(part) for part in value]
    if not isinstance(value, dict):
        return value
    notes = {"examples"} | ({"title"} if isinstance(value.get("title"), str) else set())
    return {name: _without_notes(part) for name, part in value.items() if name not in notes}


if __name__ == "__main__":
    export(Path(sys.argv[1]))
