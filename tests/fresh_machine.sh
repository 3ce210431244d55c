#!/usr/bin/env bash
# Run both README commands on a minimal Debian: tests/fresh_machine.sh [bookworm|trixie] [demo|setup|test|all]
#
# Needs root. Creates the Debian with debootstrap in a temporary folder, with python3 and git as the only additions, and
# reaches the package registries as this machine does. `setup` runs the test command for one file, `test` for the suite.
# Fails on a failed command, a skipped test, or a file or process that outlives the demo.
# FRESH_MACHINE_FOLDER: parent of the temporary folder; FRESH_MACHINE_TESTS: arguments of pytest in place of the suite.
set -euo pipefail

release=${1:-bookworm}
goal=${2:-all}
case "$goal" in demo | setup | test | all) ;; *) echo "fresh machine: unknown goal '$goal'; the goals are: demo, setup, test, all" >&2; exit 2 ;; esac
[ "$(id -u)" = 0 ] || { echo "fresh machine: root is required for chroot and mount" >&2; exit 2; }

project=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d "${FRESH_MACHINE_FOLDER:-/var/tmp}/fresh-machine.XXXXXX")
root=$folder/debian
summary=()
current=start

note() { echo "fresh machine: $*"; }
step() {  # step NAME COMMAND...: run the command, note its seconds; a failure ends the script
  local start=$SECONDS
  current=$1
  shift
  note "$current"
  "$@"
  summary+=("$current: $((SECONDS - start)) s")
}

processes() {  # ids of the processes inside the new Debian
  local link
  for link in /proc/[0-9]*/root; do
    case "$(readlink "$link" 2>/dev/null)" in "$root" | "$root"/*) link=${link#/proc/}; echo "${link%/root}" ;; esac
  done
}

clean_up() {
  local status=$? pid mounted
  trap - EXIT
  [ "$status" = 0 ] || note "failed with status $status: $current"
  for pid in $(processes); do kill -KILL "$pid" 2>/dev/null || true; done
  sleep 0.5
  while mounted=$(awk -v root="$root/" 'index($2, root) == 1 {last = $2} END {print last}' /proc/self/mounts) && [ -n "$mounted" ]; do
    umount "$mounted" 2>/dev/null || umount --lazy "$mounted"
  done
  rm -rf --one-file-system "$folder"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

inside() {  # run a command in the new Debian, with the part of the environment that concerns registries
  local settings=() name
  while IFS= read -r name; do settings+=("$name=${!name}"); done < <(
    compgen -e | grep -iE '^(pip_|npm_|node_extra_ca|git_ssl|ssl_cert|curl_ca|requests_ca)|_proxy$' || true
  )
  chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LANG=C.UTF-8 CI=true TWINWARD_DEMO_PASSWORD="a password for a fresh machine" "${settings[@]}" "$@"
}

copy() {  # copy existing files of this machine to the same place in the new Debian
  local path
  for path in "$@"; do
    [ -e "$path" ] || continue
    mkdir -p "$root$(dirname "$path")"
    cp -RL --no-preserve=ownership "$path" "$root$(dirname "$path")/"
  done
}

make_debian() {
  local mirror
  command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; }
  mirror=$(find /etc/apt -name '*.list' -o -name '*.sources' | sort | xargs -r cat |
    awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) {print $i; exit}}')
  debootstrap --variant=minbase --include=python3,git "$release" "$root" ${mirror:+"$mirror"} >"$folder/debootstrap.log" 2>&1 ||
    { cat "$folder/debootstrap.log" >&2; return 1; }
  copy /etc/resolv.conf /etc/hosts /etc/pip.conf /root/.config/pip /root/.pip /root/.npmrc /etc/npmrc \
    /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt
  rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
  copy /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/preferences.d /etc/apt/auth.conf.d \
    /etc/apt/trusted.gpg.d /etc/apt/keyrings
  find "$root/etc/apt" -name '*.list' -o -name '*.sources' | xargs -r sed -i "s/\b$(. /etc/os-release && echo "$VERSION_CODENAME")\b/$release/g"
  # hooks of programs that a minimal Debian lacks
  { grep -lE 'Post-Invoke|Pre-Install-Pkgs' -r "$root/etc/apt/apt.conf.d" || true; } | xargs -r rm
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sys "$root/sys"
  mount --bind /dev "$root/dev"
  mount --make-private "$root/dev"  # the next mount must not appear in this machine's /dev
  mount -t tmpfs -o mode=1777,size=4g shm "$root/dev/shm"
}

clone() {
  mkdir -p "$root/src"
  git clone -q "$project" "$root/src/twinward"
  if [ -d "$project/../shared" ]; then cp -RL "$project/../shared" "$root/src/shared"; fi
}

readme_command() {  # the n-th command of the README
  python3 - "$project/README.md" "$1" <<'PY'
import re, sys
from pathlib import Path

blocks = re.findall(r"```sh\n(.*?)```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.S)
assert len(blocks) == 2, f"the README has {len(blocks)} sh blocks; the demo's and the tests' are expected"
print(blocks[int(sys.argv[2])].strip())
PY
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

first_ticket() {  # wait for the console and for the first ticket of the demo on that port
  inside python3 - "$1" <<'PY'
import json, os, sys, time, urllib.error, urllib.request

url = f"http://127.0.0.1:{sys.argv[1]}"


def answer(path: str, body: object = None, token: str = "") -> bytes:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=5).read()


def wait(condition, seconds: float, name: str):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.5)
    sys.exit(f"{name}: not within {seconds} s")


wait(lambda: b"<html" in answer("/"), 1800, "console")
account = {"username": "operator", "password": os.environ["TWINWARD_DEMO_PASSWORD"]}
token = json.loads(answer("/api/v1/session", account))["token"]
wait(lambda: json.loads(answer("/api/v1/tickets", token=token))["items"], 60, "first ticket")
PY
}

demo() {
  local http=$(free_port) mqtt=$(free_port) pid status=0 left
  set -m  # a process group of its own, which receives the interrupt as from a terminal
  inside sh -c "cd /src/twinward && exec $(readme_command 0) --port $http --mqtt-port $mqtt" >"$folder/demo.log" 2>&1 &
  pid=$!
  set +m
  first_ticket "$http" || status=1
  kill -INT -- "-$pid" || status=1
  wait "$pid" || status=$?
  cat "$folder/demo.log"
  left=$(find "$root/tmp" "$root/var/tmp" "$root/dev/shm" -mindepth 1; processes; inside git -C /src/twinward status --porcelain)
  [ -z "$left" ] || { note "left behind by the demo: $left"; status=1; }
  return "$status"
}

tests() {  # run the README's test command with these arguments
  inside bash -c "cd /src/twinward && $(readme_command 1) $*" 2>&1 | tee "$folder/test.log"
  ! tail -n 1 "$folder/test.log" | grep -q skipped || { note "tests were skipped"; return 1; }
  tail -n 1 "$folder/test.log" | grep -q passed
}

main() {
  step "Debian $release" make_debian
  step "clone" clone
  case "$goal" in demo | all) step "demo" demo ;; esac
  case "$goal" in setup) step "setup" tests tests/test_version.py ;; test | all) step "tests" tests "${FRESH_MACHINE_TESTS:-}" ;; esac
  note "passed on Debian $release"
  printf "  %s\n" "${summary[@]}"
  exit 0
}

main  # read whole before the first step: a changed script does not disturb a run
