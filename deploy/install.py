"""Install the service from its archive, without network.

    python3 install.py [--to /opt/twinward]

The service gets a virtual environment of its own, `.venv`. An existing one stays as `.venv.before`, to roll back. As
root on a machine with systemd, the units are copied to /etc/systemd/system; nothing is started or enabled.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNITS = Path("/etc/systemd/system")


def main() -> int:
    """Check the files, install them, and print the next steps; return the exit status."""
    parser = argparse.ArgumentParser(description="Install Twinward from this archive, without network.")
    parser.add_argument("--to", type=Path, default=Path("/opt/twinward"), help="folder to install into")
    parser.add_argument("--no-units", action="store_true", help="do not copy the systemd units")
    options = parser.parse_args()
    wrong = faults()
    if wrong:
        return _fail(f"the archive is damaged: {', '.join(wrong)}")
    folder = options.to.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        program, version = environment(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        return _fail(str(error))
    print(f"install: {version} in {folder}")
    if not options.no_units and os.geteuid() == 0 and UNITS.is_dir():
        copy_units(folder)
    print(f"install: next: {HERE / 'manual' / 'install.md'}; to begin: {program} run --help")
    return 0


def faults() -> list[str]:
    """Return the files that are absent or do not have the SHA-256 that SHA256SUMS states."""
    wrong = []
    for line in (HERE / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        wanted, _, name = line.partition("  ")
        path = HERE / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            wrong.append(name)
    return wrong


def environment(folder: Path) -> tuple[Path, str]:
    """Make the virtual environment; return its program and version. A former one returns if a step fails or is ended.

    Raises OSError, CalledProcessError: no venv module, wheels for another Python version or processor, a full disk.
    """
    present, before = folder / ".venv", folder / ".venv.before"
    if present.exists():
        shutil.rmtree(before, ignore_errors=True)
        present.rename(before)
    wheels = HERE / "wheels"
    [own] = wheels.glob("twinward-*.whl")
    pip = (present / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--quiet")
    try:
        subprocess.run([sys.executable, "-m", "venv", present], check=True)
        subprocess.run([*pip, "--find-links", wheels, own], check=True)
        program = present / "bin" / "twinward"
        done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    except BaseException:
        shutil.rmtree(present, ignore_errors=True)
        if before.exists():
            before.rename(present)
        raise
    return program, done.stdout.strip()


def copy_units(folder: Path) -> None:
    """Copy the systemd units with the paths of this installation; an administrator's changed unit stays."""
    for source in sorted((HERE / "units").iterdir()):
        text = source.read_text(encoding="utf-8").replace("/opt/twinward/", f"{folder}/")
        target = UNITS / source.name
        if target.exists() and target.read_text(encoding="utf-8") != text:
            target = target.with_suffix(f"{target.suffix}.new")
        target.write_text(text, encoding="utf-8")
        print(f"install: {target}")


def _fail(message: str) -> int:
    print(f"install: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
