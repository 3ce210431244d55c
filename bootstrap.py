"""Set up Twinward in a clone of its repository, then run the demo or the tests.

    python3 bootstrap.py demo [arguments of `twinward demo`]
    python3 bootstrap.py test [arguments of pytest]
    python3 bootstrap.py lock [--upgrade | --upgrade-package NAME]

Needs Python 3.11 or newer and the network. Creates `.venv` with the package, which builds the console; each downloaded
distribution must have a hash of the lock file. As root on a machine with apt it installs the missing Debian packages;
elsewhere it prints their names and the effect of the absence. `lock` writes constraints.txt and
constraints-run.txt after a change of the dependencies.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PACKAGES = ("ingest", "detectors", "alerts", "simulators", "twinward")
PYTHON = VENV / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Need:
    """A Debian package, the effect of its absence, and the sign of its presence.

    The sign is a program, by default of the package's name, a shared library, a Python module or a glob of paths.
    service: unit that Debian starts with the package; Twinward starts a process of its own instead.
    """

    package: str
    without: str
    program: str = ""
    library: str = ""
    module: str = ""
    path: str = ""
    service: str = ""

    def present(self) -> bool:
        """Return whether this machine has the package, also where another source installed it."""
        if self.library:
            return find_library(self.library) is not None
        if self.module:
            importlib.invalidate_caches()
            return importlib.util.find_spec(self.module) is not None
        if self.path:
            return any(Path("/").glob(self.path.lstrip("/")))
        program = self.program or self.package
        return bool(shutil.which(program) or Path("/usr/sbin", program).exists())


DEMO = (
    Need("python3-venv", "no virtual environment can be created", module="ensurepip"),
    Need("mosquitto", "the embedded broker iotcore is used instead", service="mosquitto"),
    Need(
        "ca-certificates", "TLS connections use the certificates of Python packages", program="update-ca-certificates"
    ),
    Need("fonts-wqy-microhei", "documents are XLSX and CSV, not PDF", path="/usr/share/fonts/truetype/wqy"),
)
TEST = (
    *DEMO,
    Need("mosquitto-clients", "benchmarks run without the C publisher", program="mosquitto_pub"),
    Need("chromium", "browser tests fail in CI and skip elsewhere"),
    Need("libatomic1", "the browser driver does not start", library="atomic"),
    Need("openssl", "TLS tests fail in CI and skip elsewhere"),
    Need("faketime", "clock tests fail in CI and skip elsewhere"),
    Need("strace", "write-point tests fail in CI and skip elsewhere"),
    Need("baresip-core", "telephone tests fail in CI and skip elsewhere", program="baresip"),
    Need("espeak-ng", "telephone tests fail in CI and skip elsewhere"),
    Need("haproxy", "tests on HAProxy fail in CI and skip elsewhere", service="haproxy"),
    Need(
        "prometheus-alertmanager",
        "tests on Alertmanager fail in CI and skip elsewhere",
        service="prometheus-alertmanager",
    ),
    Need(
        "postgresql",
        "tests on PostgreSQL fail in CI and skip elsewhere",
        path="/usr/lib/postgresql/*/bin/postgres",
        service="postgresql",
    ),
)
NEEDS = {"demo": DEMO, "test": TEST}
SERVERS = {"influxdb": "influxd", "victoria-metrics": "victoria-metrics"}
"""Debian package -> program that the tests start. Unpacked into `.venv`: installation would start a service."""

LOCK, LOCK_RUN = ROOT / "constraints.txt", ROOT / "constraints-run.txt"
"""Version and hashes of every distribution, and of those without the tests; for all Python versions and processors."""
LOCK_TOOL = "uv==0.13.9"
LONE_READERS = (
    "check-jsonschema==0.39.0 --hash=sha256:14ce5c94871c551268ea948ffe21e9f1464dc48fb20bf9a4c13deeaaf756cf9b",
    "kubernetes-validate==1.37.0 --hash=sha256:85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9",
    "pysparkplug==0.6.1 --hash=sha256:30ec197f3b091832fcec4b16330032c9c72af82f677b4e22483e988c4b39024a",
)
"""Distributions for the tests, installed without dependencies: schemas of files, and a client for an old paho-mqtt."""


def main() -> int:
    """Run the command of the first argument with the remaining arguments; return the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this check is for an older Python
        return _fail(f"Python {sys.version.split()[0]} is too old; Python 3.11 or newer is required")
    command, *rest = sys.argv[1:] or [""]
    if command == "lock":
        return _lock(rest)
    if command not in NEEDS:
        return _fail(f"unknown command {command!r}; the commands are: {', '.join((*NEEDS, 'lock'))}")
    _system(NEEDS[command], SERVERS if command == "test" else {})
    _environment(extras="test" if command == "test" else "")
    if command == "demo":
        os.execv(VENV / "bin" / "twinward", ["twinward", "demo", *rest])  # noqa: S606 - becomes the demo
    _commit_hook()
    return subprocess.run([PYTHON, ROOT / "tests" / "suite.py", *rest], cwd=ROOT, check=False).returncode


def _fail(message: str) -> int:
    print(f"bootstrap: {message}", file=sys.stderr)
    return 2


def _say(message: str) -> None:
    print(f"bootstrap: {message}", flush=True)


def _quiet(*command: str | Path, cwd: Path = ROOT) -> bool:
    """Run a command; print its whole output only when it fails. Return whether it succeeded."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        print(done.stdout.decode(errors="replace"), file=sys.stderr)
        _say(f"failed with status {done.returncode}: {' '.join(map(str, command))}")
    return done.returncode == 0


def _system(needs: Sequence[Need], servers: dict[str, str]) -> None:
    """Install missing Debian packages and unpack missing servers, with one update and one installation."""
    missing = [need for need in needs if not need.present()]
    absent = {package: program for package, program in servers.items() if not _program(program)}
    if (missing or absent) and os.geteuid() == 0 and shutil.which("apt-get"):
        _say("updating the package lists of apt")
        if _quiet("apt-get", "update", "-q"):
            _install(missing)
            _unpack(absent)
    for need in missing:
        if not need.present():
            _say(f"the Debian package {need.package} is missing (apt-get install {need.package}): {need.without}")
    for package, program in absent.items():
        if not _program(program):
            _say(f"the program {program} of the Debian package {package} is missing: its tests fail in CI, else skip")


def _program(name: str) -> bool:
    return (VENV / "bin" / name).exists() or shutil.which(name) is not None


def _install(needs: Sequence[Need]) -> None:
    """Install the packages without a start of their services, now or with the machine."""
    if not needs:
        return
    names = [need.package for need in needs]
    _say(f"installing the Debian packages {', '.join(names)}")
    no_cluster = _no_postgresql_cluster() if "postgresql" in names else nullcontext()
    with _services_stay_off(), no_cluster:
        _quiet("apt-get", "install", "-y", "-q", "--no-install-recommends", *names)
    if Path("/run/systemd/system").is_dir():
        for service in filter(None, (need.service for need in needs)):
            _quiet("systemctl", "disable", "--quiet", service)


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Deny the start of services to Debian's maintainer scripts: a second broker would take the demo's port."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


@contextmanager
def _no_postgresql_cluster() -> Iterator[None]:
    """Keep Debian's package from creating a cluster: the tests create their own in a temporary folder."""
    setting = Path("/etc/postgresql-common/createcluster.d/twinward.conf")
    setting.parent.mkdir(parents=True, exist_ok=True)
    setting.write_text("create_main_cluster = false\n", encoding="ascii")
    try:
        yield
    finally:
        setting.unlink()


def _unpack(servers: dict[str, str]) -> None:
    """Copy the programs of Debian packages into `.venv` without an installation."""
    for package, program in servers.items():
        _say(f"unpacking {program} of the Debian package {package}")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            download = ("apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", package)
            if not _quiet(*download, cwd=folder):
                continue
            for archive in folder.glob("*.deb"):
                _quiet("dpkg", "-x", archive, folder)
            found = folder / "usr" / "bin" / program
            if found.exists():
                PYTHON.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, PYTHON.parent / program)


def _environment(*, extras: str) -> None:
    """Create the virtual environment with the package, or update it after a change of its sources."""
    if not (VENV / "bin" / "pip").exists():
        _say("creating the virtual environment .venv")
        if not _quiet(sys.executable, "-m", "venv", VENV):
            sys.exit("bootstrap: no virtual environment was created; install the Debian package python3-venv")
    stamp = VENV / f"bootstrap-{extras or 'demo'}"
    state = _sources_hash()
    built = (ROOT / "alerts" / "console" / "dist" / "index.html").exists()
    if built and stamp.exists() and stamp.read_text(encoding="ascii") == state:
        return
    _say("installing the Python packages and building the console (minutes the first time)")
    pip: tuple[str | Path, ...] = (PYTHON, "-m", "pip", "install", "--root-user-action=ignore")
    with tempfile.TemporaryDirectory() as name:
        alone = Path(name, "alone.txt")
        alone.write_text("\n".join(LONE_READERS), encoding="utf-8")
        commands = [
            (*pip, "--no-deps", "--require-hashes", "-r", LOCK if extras else LOCK_RUN),
            (*pip, "--no-deps", "--no-build-isolation", "-e", ROOT),
        ]
        if extras:
            commands.append((*pip, "--no-deps", "--require-hashes", "-r", alone))
        for command in commands:
            if not _quiet(*command):
                sys.exit("bootstrap: the Python packages were not installed")
    # bytecode also for a service that may not write it: a start without it takes two to three times as long
    _quiet(PYTHON, "-m", "compileall", "-q", *(ROOT / package for package in PACKAGES))
    stamp.write_text(state, encoding="ascii")


def _lock(arguments: Sequence[str]) -> int:
    """Write the lock files for pyproject.toml; versions that still fit stay, unless the arguments upgrade them."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        if not (_quiet(sys.executable, "-m", "venv", folder) and _quiet(python, "-m", "pip", "install", LOCK_TOOL)):
            return 1
        compile_ = (python, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11")
        style = ("--generate-hashes", "--no-annotate", "--no-header", "--no-emit-package", "colorama")
        whole = ("--all-extras", "--group", "build", "--group", "release", *arguments)
        done = _quiet(*compile_, *style, "-o", LOCK, *whole)
        done = done and _quiet(*compile_, *style, "-o", LOCK_RUN, "--group", "build", "-c", LOCK)
    return 0 if done else 1


def _sources_hash() -> str:
    """Return the hash of the files that the environment and the console are built from."""
    console = ROOT / "alerts" / "console"
    paths = (
        ROOT / "pyproject.toml", LOCK, LOCK_RUN,
        *sorted((*console.glob("src/**/*.*"), *console.glob("*.*"))),
    )  # fmt: skip
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _commit_hook() -> None:
    """Use the commit checks of hooks/ in a git checkout that has none of its own."""
    git = ("git", "-C", str(ROOT), "config")
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return
    if subprocess.run([*git, "--get", "core.hooksPath"], check=False, stdout=subprocess.DEVNULL).returncode != 0:
        _say("git checks commit subjects from now on (hooks/commit-msg)")
        _quiet(*git, "core.hooksPath", "hooks")


if __name__ == "__main__":
    sys.exit(main())
