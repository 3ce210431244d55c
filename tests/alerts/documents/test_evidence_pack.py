"""Evidence pack: complete, masked, and every change of it is found."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from alerts import Forbidden, NotFound
from alerts.dangers.photos import Sent
from alerts.documents.curves import Point
from alerts.documents.evidence_pack import EvidencePacks, Pack
from alerts.documents.verify_pack import check
from detectors import Phase

Files = dict[str, bytes]


class Rising:
    """A curve that rises for an hour."""

    def read(self, site: str, sensor: str, metric: str, *, from_ns: int, to_ns: int) -> Sequence[Point]:
        """Return 60 points."""
        assert (site, metric) == ("school-1", "smoke_density")
        assert sensor
        step_ns = (to_ns - from_ns) // 60
        return [Point(from_ns + n * step_ns, n / 60, n / 70, n / 50, 6) for n in range(60)]

    def unit(self, metric: str) -> str:
        """Return the unit of smoke."""
        assert metric
        return "dB/m"


def packs(world: Any) -> EvidencePacks:
    """Return the maker of packs."""
    return EvidencePacks(world.engine, world.registry, lambda: world.now_ns, world.dispatch.papers)


@pytest.fixture
def pack(world: Any, seen: Any, people: Any) -> Pack:
    """Return the pack of a major danger with two photos and notes that name persons."""
    world.employ("fixer")
    world.feed(seen(Phase.RAISE))
    [ticket] = world.tickets
    ticket = world.act(ticket, "declare_major", "officer", note="宿舍烟感失效，值班电话 13800138000")
    for name in ("responsibility", "measures", "funds", "time_limit", "contingency_plan"):
        ticket = world.act(ticket, "fulfil", "officer", **{name: "已落实"})
    world.act(ticket, "assign", "officer", fixer="fixer")
    for content in (b"first photo", b"second photo"):
        world.photograph(ticket.danger, Sent(content, "found", world.now_ns))
    return packs(world).make(people["officer"], ticket.id, Rising())


def files_of(pack: Pack) -> Files:
    """Return the files of a pack."""
    with zipfile.ZipFile(io.BytesIO(pack.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, files: Mapping[str, bytes], *, resealed: bool = False) -> Path:
    """Write files as a pack; resealed: with a manifest that is true of them."""
    present = dict(files)
    if resealed:
        manifest = json.loads(present["manifest.json"])
        listed = sorted(set(present) - {"manifest.json"})
        manifest["files"] = [{"name": one, "sha256": hashlib.sha256(present[one]).hexdigest()} for one in listed]
        manifest["entries"] = [json.loads(line)["seq"] for line in present["journal.jsonl"].splitlines()]
        present["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in present.items():
            archive.writestr(name, content)
    return path


def photos(files: Files) -> list[str]:
    """Return the names of the photos."""
    return sorted(name for name in files if name.startswith("photos/"))


def changed_byte(files: Files) -> None:
    """Change one byte of a curve."""
    name = next(one for one in files if one.endswith(".csv") and one.startswith("curves/"))
    files[name] = files[name][:-2] + bytes([files[name][-2] ^ 1]) + files[name][-1:]


def changed_entry(files: Files) -> None:
    """Change the actor of an unmasked journal entry."""
    files["journal.jsonl"] = files["journal.jsonl"].replace(rb"\"actor\":\"officer\"", rb"\"actor\":\"someone\"", 1)


def removed_entry(files: Files) -> None:
    """Remove the journal entry of a step of the ticket."""
    lines = files["journal.jsonl"].splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if b"ticket.fulfil" in line)
    files["journal.jsonl"] = b"".join(lines[:number] + lines[number + 1 :])


def swapped_photos(files: Files) -> None:
    """Exchange two photos."""
    first, second = photos(files)
    files[first], files[second] = files[second], files[first]


def removed_photo(files: Files) -> None:
    """Remove a photo."""
    del files[photos(files)[0]]


def added_file(files: Files) -> None:
    """Add a file."""
    files["photos/other.jpg"] = b"another photo"


CHANGES = (changed_byte, changed_entry, removed_entry, swapped_photos, removed_photo, added_file)


def test_a_pack_has_all_parts_and_is_in_order(pack: Pack, tmp_path: Path) -> None:
    """Journal, photos, curves, letters, program and read-me; the report counts them."""
    files = files_of(pack)
    report = check(written(tmp_path / "pack.zip", files), pack.manifest_sha256)
    assert report["problems"] == []
    assert (report["files"], report["entries"]) == (pack.files, pack.entries)
    assert len(photos(files)) == 2
    kinds = {name.rpartition(".")[2] for name in files if name.startswith("curves/")}
    assert kinds == {"csv", "svg"}
    assert {"documents/notice.xlsx", "documents/reply.xlsx", "verify_pack.py", "README.txt"} <= set(files)


def test_numbers_of_persons_are_masked_and_the_entry_says_so(pack: Pack) -> None:
    """The telephone number stands in no file; its entry keeps the digest of the journal."""
    files = files_of(pack)
    assert not [name for name, content in files.items() if b"13800138000" in content]
    entries = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
    [note] = [one for one in entries if "masked" in one]
    assert "***" in note["masked"]["facts"]["fields"]["note"]
    assert len(note["digest"]) == 64


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: str(one.__name__))
def test_a_change_is_found(pack: Pack, tmp_path: Path, change: Callable[[Files], None]) -> None:
    """A changed byte, a removed entry and a swapped photo are named."""
    files = files_of(pack)
    change(files)
    report = check(written(tmp_path / "pack.zip", files))
    assert not report["ok"]
    assert report["problems"]


@pytest.mark.parametrize("change", CHANGES[1:], ids=lambda one: str(one.__name__))
def test_a_change_with_a_new_manifest_is_found(pack: Pack, tmp_path: Path, change: Callable[[Files], None]) -> None:
    """Chain, versions and the journal's digests of photos show it even where the manifest was made anew."""
    files = files_of(pack)
    change(files)
    assert not check(written(tmp_path / "pack.zip", files, resealed=True))["ok"]


def test_the_digest_of_the_journal_finds_a_pack_made_anew(pack: Pack, tmp_path: Path) -> None:
    """A changed curve with a true manifest differs from the SHA-256 that the journal has."""
    files = files_of(pack)
    changed_byte(files)
    path = written(tmp_path / "pack.zip", files, resealed=True)
    assert check(path)["ok"]
    assert not check(path, pack.manifest_sha256)["ok"]


def test_the_program_in_the_pack_runs_alone(pack: Pack, tmp_path: Path) -> None:
    """An isolated interpreter without any package runs it."""
    path = tmp_path / "pack.zip"
    path.write_bytes(pack.content)
    program = tmp_path / "verify_pack.py"
    program.write_bytes(files_of(pack)["verify_pack.py"])
    for given, status in (([], 0), ([pack.manifest_sha256], 0), (["0" * 64], 1)):
        command = [sys.executable, "-I", "-S", str(program), str(path), *given]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status, done.stdout + done.stderr
    assert "FAILED" in done.stdout


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)], ids=["empty", "text", "no files"])
def test_another_file_is_no_pack(tmp_path: Path, content: bytes) -> None:
    """The report has the reason; the program does not fail."""
    path = tmp_path / "pack.zip"
    path.write_bytes(content)
    report = check(path)
    assert not report["ok"]
    assert "cannot be read" in report["problems"][0]


def test_a_fixer_and_a_foreign_officer_get_no_pack(world: Any, seen: Any, people: Any) -> None:
    """The pack has the journal of the danger: an operation of its own."""
    world.feed(seen(Phase.RAISE))
    [ticket] = world.tickets
    with pytest.raises(Forbidden):
        packs(world).make(people["fixer"], ticket.id, Rising())
    with pytest.raises(NotFound):
        packs(world).make(people["officer"], "none", Rising())


def test_comments_on_the_hazard_are_in_the_pack_with_masked_numbers(world: Any, seen: Any, people: Any) -> None:
    """As entries of the journal, beside those of the ticket."""
    world.feed(seen(Phase.RAISE))
    [ticket] = world.tickets
    for note in ("dust of the works", "call 13800138000"):
        world.dispatch.hazard_comments.add(ticket.hazard, people["operator"], note)
    files = files_of(packs(world).make(people["officer"], ticket.id, Rising()))
    entries = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
    bodies = [one.get("masked") or json.loads(one["body"]) for one in entries]
    assert [one["facts"]["note"] for one in bodies if one["kind"] == "hazard.commented"] == [
        "dust of the works",
        "call ***",
    ]
