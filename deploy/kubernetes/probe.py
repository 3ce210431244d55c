"""Probe of a node: a node that works must answer; a standby has no port and waits."""

from __future__ import annotations

import socket
import ssl
import sys
import urllib.error
import urllib.request

PORT, LIMIT_S = 8443, 4.0


def main() -> int:
    """Return 0 for a working node that answers and for one that waits, 1 for a port without an answer."""
    with socket.socket() as asked:
        asked.settimeout(LIMIT_S)
        try:
            asked.connect(("127.0.0.1", PORT))
        except ConnectionRefusedError:
            return 0
        except OSError:
            return 1
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - of this pod: the certificate names the service
    try:
        urllib.request.urlopen(f"https://127.0.0.1:{PORT}/healthz", timeout=LIMIT_S, context=context).close()
    except (OSError, urllib.error.URLError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
