"""Sets everything up, then runs the demo or the tests. Needs Python 3.11 or newer and nothing else.

    python3 bootstrap.py demo [arguments of `twinward demo`]
    python3 bootstrap.py test [arguments of pytest]

Makes `.venv` with the package (which builds the console), and installs the Debian packages that real parts come from
where that is possible; where it is not, says what is done without them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PACKAGES = ("ingest", "detectors", "alerts", "simulators", "twinward")
PYTHON = VENV / "bin" / "python"
DEBIAN = {
    "demo": {"mosquitto": "the embedded broker iotcore is used instead"},
    "test": {
        "mosquitto": "tests against a real broker are skipped",
        "mosquitto-clients": "the C publisher is not measured beside ours",
        "chromium": "tests in a real browser are skipped",
        "openssl": "tests of TLS connections are skipped",
        "faketime": "tests with a clock that jumps are skipped",
        "strace": "tests that kill at a single write are skipped",
    },
}
SERVERS = {"influxdb": "influxd", "victoria-metrics": "victoria-metrics"}
"""Debian packages that tests start themselves -> program: unpacked into the environment, not installed."""

PROGRAMS = {"mosquitto-clients": "mosquitto_pub"}
"""What tells that a package is there, where it is not the package's own name."""

LONE_READERS = ("pysparkplug==0.6.1",)
"""Independent readers for the tests, installed without what they ask for: this one's client wants an old paho-mqtt."""

TEST_STEPS = (
    ("format", ["ruff", "format", "--check", "."]),
    ("lint", ["ruff", "check", "."]),
    ("types", ["mypy"]),
    ("imports", ["lint-imports"]),
)


def main() -> int:
    """Do what the first argument names; the rest is handed on. Returns the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what meets an older Python
        return _fail(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    goal, *rest = sys.argv[1:] or [""]
    if goal not in DEBIAN:
        return _fail("say what to do: python3 bootstrap.py demo | test")
    for package, otherwise in DEBIAN[goal].items():
        _debian(package, otherwise)
    _environment(extras="test" if goal == "test" else "")
    if goal == "test":
        for package, program in SERVERS.items():
            _unpack(package, program)
    if goal == "demo":
        os.execv(VENV / "bin" / "twinward", ["twinward", "demo", *rest])  # noqa: S606 - becomes the demo
    return _test(rest)


def _fail(message: str) -> int:
    print(f"bootstrap: {message}", file=sys.stderr)
    return 2


def _debian(package: str, otherwise: str) -> None:
    """Install a Debian package where root and apt are there; otherwise one clear word."""
    program = PROGRAMS.get(package, package)
    if shutil.which(program) or Path("/usr/sbin", program).exists():
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"bootstrap: {package} is not installed (apt-get install {package}); {otherwise}")
        return
    print(f"bootstrap: installing the Debian package {package}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    for command in (["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        print(f"bootstrap: {package} could not be installed; {otherwise}")


def _unpack(package: str, program: str) -> None:
    """Put a package's program into the environment without installing it: its service would be started."""
    target = VENV / "bin" / program
    if target.exists() or shutil.which(program):
        return
    print(f"bootstrap: unpacking {program} of the Debian package {package}")
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("apt-get") and os.geteuid() == 0:
            download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-qq", package]
            for command in (["apt-get", "update", "-qq"], download):
                subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
        for archive in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, folder], check=False)
        found = Path(folder, "usr", "bin", program)
        if found.exists():
            shutil.copy2(found, target)
        else:
            print(f"bootstrap: {package} could not be had; tests against it are skipped")


def _environment(*, extras: str) -> None:
    """The virtual environment with the package in it; redone when what it is made from has changed."""
    if not (VENV / "bin" / "pip").exists():
        _create_venv()
    stamp = VENV / f"bootstrap-{extras or 'demo'}"
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")))
    console = ROOT / "alerts" / "console"
    for path in sorted((*console.glob("src/**/*.*"), *console.glob("*.*"))):
        wanted.update(path.read_bytes())
    built = (ROOT / "alerts" / "console" / "dist" / "index.html").exists()
    if built and stamp.exists() and stamp.read_text() == wanted.hexdigest():
        return
    print("bootstrap: installing the packages and building the console (a few minutes the first time)")
    target = f"{ROOT}[{extras}]" if extras else str(ROOT)
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", *constraints, "-e", target], check=True)
    if extras:
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--no-deps", *LONE_READERS], check=True)
    # bytecode, also where the service may not write it: without it a start takes two to three times as long
    subprocess.run([PYTHON, "-m", "compileall", "-q", *(str(ROOT / package) for package in PACKAGES)], check=True)
    stamp.write_text(wanted.hexdigest())


def _create_venv() -> None:
    created = subprocess.run([sys.executable, "-m", "venv", VENV], check=False, capture_output=True)
    if created.returncode != 0 and os.geteuid() == 0 and shutil.which("apt-get"):
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "python3-venv"], check=True)
        created = subprocess.run([sys.executable, "-m", "venv", VENV], check=False, capture_output=True)
    if created.returncode != 0:
        sys.exit("bootstrap: Python cannot make a virtual environment here; install the package python3-venv")


def _test(arguments: list[str]) -> int:
    """Formatting, lint, types, import contracts, then the whole suite; all are run, any failure fails."""
    failed = [name for name, command in TEST_STEPS if _step(name, command) != 0]
    if _step("tests", ["pytest", *arguments]) != 0:
        failed.append("tests")
    if failed:
        print(f"bootstrap: failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    print("bootstrap: everything passed")
    return 0


def _step(name: str, command: list[str]) -> int:
    print(f"bootstrap: {name}", flush=True)
    program = VENV / "bin" / command[0]
    return subprocess.run([program, *command[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
