"""Check of an evidence pack: files, hash chain, versions and photos.

The same file is a program in each pack.

    python3 verify_pack.py PACK.zip [SHA-256 of its manifest]

It needs Python 3.9 alone. Without the SHA-256 from the school's journal or from paper it finds every change of a file
that the manifest lists; with it also a pack that was made anew around another content.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

MANIFEST, JOURNAL, PHOTOS = "manifest.json", "journal.jsonl", "photos/"
FORMAT = "twinward-evidence-pack"
ARGUMENTS = (2, 3)
BYTES_MAX = 512 * 1024 * 1024
"""Size of all files of a pack at most: a small archive may not fill the memory."""


def check(path: Path, expected: str = "") -> dict[str, Any]:
    """Return the report on a pack: `ok`, its manifest's SHA-256, the numbers of files and entries, all problems."""
    report: dict[str, Any] = {"ok": False, "manifest_sha256": "", "files": 0, "entries": 0, "masked": 0}
    try:
        with zipfile.ZipFile(path) as pack:
            report["problems"] = _problems(pack, expected, report)
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        report["problems"] = [f"the pack cannot be read: {type(error).__name__}: {error}"]
    return report | {"ok": not report["problems"]}


def _problems(pack: zipfile.ZipFile, expected: str, report: dict[str, Any]) -> list[str]:
    if sum(one.file_size for one in pack.infolist()) > BYTES_MAX:
        return [f"the files have more than {BYTES_MAX} bytes"]
    names = pack.namelist()
    raw = pack.read(MANIFEST)
    manifest = json.loads(raw)
    report["manifest_sha256"] = hashlib.sha256(raw).hexdigest()
    if manifest["format"] != FORMAT:
        return [f"{MANIFEST}: format {manifest['format']!r}; the allowed one is {FORMAT!r}"]
    found = []
    if expected and expected.lower() != report["manifest_sha256"]:
        found.append(f"{MANIFEST}: SHA-256 {report['manifest_sha256']}; the stated one is {expected}")
    if len(set(names)) < len(names):
        found.append("a file name stands twice in the pack")
    stated = {one["name"]: one["sha256"] for one in manifest["files"]}
    report["files"] = len(stated)
    found += [f"{name}: the file is missing" for name in sorted(set(stated) - set(names))]
    found += [f"{name}: the manifest has no such file" for name in sorted(set(names) - set(stated) - {MANIFEST})]
    digests = {name: hashlib.sha256(pack.read(name)).hexdigest() for name in stated if name in names}
    found += [f"{name}: the content differs from its SHA-256" for name in digests if digests[name] != stated[name]]
    if JOURNAL not in digests:
        return [*found, f"{JOURNAL}: the file is missing"]
    entries = [json.loads(line) for line in pack.read(JOURNAL).decode("utf-8").splitlines()]
    report["entries"], report["masked"] = len(entries), sum("masked" in one for one in entries)
    return found + _chain(entries, manifest) + _versions(entries) + _photos(entries, digests)


def _chain(entries: list[dict[str, Any]], manifest: dict[str, Any]) -> list[str]:
    """Return the entries whose digest differs, and gaps against the numbers that the manifest lists."""
    found, before = [], None
    for one in entries:
        number = one["seq"]
        if "body" in one:
            digest = hashlib.sha256(one["before"].encode() + one["body"].encode("utf-8", "surrogateescape")).hexdigest()
            if digest != one["digest"]:
                found.append(f"{JOURNAL}: entry {number}: the body differs from its digest")
        if before is not None and number <= before["seq"]:
            found.append(f"{JOURNAL}: entry {number}: not in order")
        if before is not None and number == before["seq"] + 1 and one["before"] != before["digest"]:
            found.append(f"{JOURNAL}: entry {number}: does not follow entry {before['seq']}")
        before = one
    if [one["seq"] for one in entries] != manifest["entries"]:
        missing = sorted(set(manifest["entries"]) - {one["seq"] for one in entries})
        found.append(f"{JOURNAL}: the entries differ from the manifest; missing: {missing}")
    return found


def _versions(entries: list[dict[str, Any]]) -> list[str]:
    """Return gaps in the versions of ticket and danger: each change of one has an entry."""
    found, last = [], dict[str, int]()
    for one in entries:
        for table, key, columns in _body(one).get("rows", []):
            version = columns.get("version") if columns and table in {"tickets", "dangers"} else None
            if version is None:
                continue
            if (known := last.get(f"{table} {key}", 0)) and version != known + 1:
                found.append(f"{JOURNAL}: {table} {key}: version {version} follows {known}; an entry is missing")
            if not known and version != 1 and table == "tickets":
                found.append(f"{JOURNAL}: {table} {key}: begins with version {version}; an entry is missing")
            last[f"{table} {key}"] = version
    return found


def _photos(entries: list[dict[str, Any]], digests: dict[str, str]) -> list[str]:
    """Return photos that differ from the journal entry of their upload, and those without one."""
    bodies = [_body(one) for one in entries]
    stated = {body["facts"]["id"]: body["facts"]["sha256"] for body in bodies if body["kind"] == "danger.photo"}
    present = {name[len(PHOTOS) :].rpartition(".")[0]: name for name in digests if name.startswith(PHOTOS)}
    found = [f"{PHOTOS}{one}: the photo of the journal is missing" for one in sorted(set(stated) - set(present))]
    found += [f"{present[one]}: the journal has no such photo" for one in sorted(set(present) - set(stated))]
    both = sorted(set(stated) & set(present))
    wrong = [one for one in both if digests[present[one]] != stated[one]]
    return found + [f"{present[one]}: another photo than that of the journal" for one in wrong]


def _body(entry: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(entry["body"]) if "body" in entry else entry["masked"]
    return body


def main(arguments: list[str]) -> int:
    """Print the report on a pack; return 0 if it is as it was made."""
    if len(arguments) not in ARGUMENTS:
        sys.stderr.write("usage: verify_pack.py PACK.zip [SHA-256 of its manifest]\n")
        return 2
    report = check(Path(arguments[1]), *arguments[2:])
    lines = [
        "OK  证据包完整，未被改动" if report["ok"] else "FAILED  证据包已被改动或不完整",
        f"manifest SHA-256: {report['manifest_sha256']}",
        f"files: {report['files']}, journal entries: {report['entries']} (masked: {report['masked']})",
        *report["problems"],
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
