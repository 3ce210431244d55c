"""Write an archive of the service that installs without network, for machines of this Python version and processor.

    .venv/bin/python deploy/archive.py FOLDER

The archive contains the wheels of the service and its dependencies with their hashes, `install.py`, the systemd units,
the broker's configuration and the operator manual. The dependencies are those that `constraints-run.txt` locks.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
COPIES = {
    "deploy/install.py": "install.py",
    "deploy/twinward.service": "units/twinward.service",
    "deploy/twinward-backup.service": "units/twinward-backup.service",
    "deploy/twinward-backup.timer": "units/twinward-backup.timer",
    "deploy/mosquitto": "mosquitto",
    "docs/operators": "manual",
    "docs/configuration.md": "configuration.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "LICENSE": "LICENSE",
}
"""File or folder of the repository -> its place in the archive."""


def main() -> int:
    """Write the archive into the folder of the only argument, print its path; return the exit status."""
    _, *names = sys.argv
    if len(names) != 1 or not Path(names[0]).is_dir():
        print("archive: the one argument is an existing folder", file=sys.stderr)
        return 2
    try:
        print(build(Path(names[0])))
    except subprocess.CalledProcessError as error:
        print(f"archive: {error}\n{error.stderr or ''}", file=sys.stderr)
        return 1
    return 0


def build(folder: Path) -> Path:
    """Write the archive into a folder and return its path.

    Raises CalledProcessError: a wheel is missing for this machine, has another hash, or the console does not build.
    """
    with tempfile.TemporaryDirectory() as name:
        whole, product = Path(name, "all"), Path(name, "product")
        _pip(
            "download",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "-r",
            "constraints-run.txt",
            "-d",
            whole,
        )
        _pip("wheel", "--no-deps", "--no-build-isolation", "-w", product, ".")
        [own] = product.glob("*.whl")
        wheels = [*needed(own, whole), own]
        version = own.name.split("-")[1]
        title = f"twinward-{version}-{sys.implementation.cache_tag}-{sysconfig.get_platform()}"
        content = Path(name, title)
        (content / "wheels").mkdir(parents=True)
        for wheel in wheels:
            shutil.copy2(wheel, content / "wheels")
        for source, place in COPIES.items():
            _copy(ROOT / source, content / place)
        (content / "SHA256SUMS").write_text(sums(content), encoding="utf-8")
        archive = folder / f"{title}.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as file:
            file.add(content, arcname=title)
    return archive


def needed(own: Path, wheels: Path) -> list[Path]:
    """Return those of a folder's wheels that the own wheel needs, found by pip without network."""
    with tempfile.TemporaryDirectory() as name:
        report = Path(name, "report.json")
        _pip(
            "install",
            "--dry-run",
            "--ignore-installed",
            "--no-index",
            "--find-links",
            wheels,
            "--report",
            report,
            "--quiet",
            own,
        )
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    names = {one["download_info"]["url"].rpartition("/")[2] for one in found}
    return sorted(path for path in wheels.iterdir() if path.name in names)


def sums(content: Path) -> str:
    """Return the SHA-256 of each file below a folder, in the form of `sha256sum`."""
    files = sorted(path for path in content.rglob("*") if path.is_file())
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(content).as_posix()}\n" for path in files
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _pip(*arguments: str | Path) -> None:
    subprocess.run([*PIP, *arguments], cwd=ROOT, check=True, text=True, stdout=sys.stderr, stderr=subprocess.PIPE)


if __name__ == "__main__":
    sys.exit(main())
