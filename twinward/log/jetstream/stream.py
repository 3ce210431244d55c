"""One stream of JetStream: creation, conditional publishing in batches, reading, purging."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any

from nats.aio.msg import Msg

from twinward.errors import LogUnavailable

from .address import Address
from .client import ANSWER_S, Client, Inbox, NoAnswer
from .commit import HEADER_BYTES, PART, PARTS_MAX, parts

OWNER, CHANGE, CUT, BASE = "owner", "change", "cut", "base"
KINDS = (OWNER, CHANGE, CUT, BASE)
IDENTITY = "twinward-identity"
VERSION = "twinward-version"
DELETED = "the stream was deleted; restore it from a backup of JetStream"
_WRONG_LAST = {10071, 10164}
_NO_STREAM, _NO_MESSAGE, _NAME_TAKEN = 10059, 10037, 10058
_CREATED_POLL_S = 0.1
_PULL_S = 30.0
_INACTIVE_S = 15.0
_HEARTBEAT_S = 2.0
_PULL_MESSAGES = 256
_PULL_BYTES = 64 << 20
_STATUS, _UNSENT = "Status", "Nats-Pending-Messages"


class Conflict(Exception):  # noqa: N818 - names the state
    """Another message was stored on the subject meanwhile; nothing was written."""


class StreamGone(LogUnavailable):
    """The stream of the log was deleted or replaced, or lacks messages that this node has."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Identity of a stream, its first and last message, and its size; `last` is 0 for an empty one."""

    identity: str
    version: int
    first: int
    last: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Message:
    """One body in one or several messages of the stream, from `first` to `last`."""

    kind: str
    first: int
    last: int
    headers: Mapping[str, str]
    body: bytes


class Stream:
    """Stream of one log and partition. Raises LogUnavailable."""

    def __init__(self, client: Client, where: Address, log: str, partition: int) -> None:
        self.name = f"{where.name}_{log}_{partition}"
        self.shown = f"{client.shown}, stream {self.name}"
        self._client, self._replicas = client, where.replicas
        self._subjects = {kind: f"{where.name}.{log}.{partition}.{kind}" for kind in KINDS}
        self._part_bytes = max(1_024, client.max_payload - HEADER_BYTES)

    def extent(self) -> Extent | None:
        """Return the extent; None without such a stream."""
        answer = self._api(f"STREAM.INFO.{self.name}", {}, _NO_STREAM)
        return _extent(answer) if answer else None

    def required(self) -> Extent:
        """Return the extent. Raises StreamGone without such a stream."""
        extent = self.extent()
        if extent is None:
            raise StreamGone(self.shown, DELETED)
        return extent

    def create(self, version: int) -> Extent:
        """Create the stream with an identity of its own, unless another process has, and return its extent."""
        config = {
            "name": self.name,
            "subjects": list(self._subjects.values()),
            "storage": "file",
            "num_replicas": self._replicas,
            "discard": "new",
            "allow_atomic": True,
            "deny_delete": True,
            "metadata": {IDENTITY: uuid.uuid4().hex, VERSION: str(version)},
        }
        answer = self._api(f"STREAM.CREATE.{self.name}", config, _NAME_TAKEN)
        return _extent(answer) if answer else self._created_elsewhere()

    def publish(
        self, kind: str, body: bytes, headers: Mapping[str, str], *, expected: int | None = None
    ) -> tuple[int, int]:
        """Store a body, whole or not at all; return its first and last message.

        expected: last message of this kind; raises Conflict for another one. LogUnavailable leaves the outcome open.
        """
        messages = parts(body, headers, size=self._part_bytes)
        if len(messages) > PARTS_MAX:
            bound = PARTS_MAX * self._part_bytes
            raise LogUnavailable(self.shown, f"{len(body)} bytes in one change; allowed: {bound}; raise max_payload")
        batch = uuid.uuid4().hex
        for number, (_, fields) in enumerate(messages, 1):
            if len(messages) > 1:
                fields |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        if len(messages) > 1:
            messages[-1][1]["Nats-Batch-Commit"] = "1"
        messages[0][1]["Nats-Expected-Stream"] = self.name
        if expected is not None:
            messages[0][1]["Nats-Expected-Last-Subject-Sequence"] = str(expected)
        try:
            answer = json.loads(self._client.publish(self._subjects[kind], list(messages)))
        except NoAnswer:
            self.required()
            raise
        if error := answer.get("error"):
            if error.get("err_code") in _WRONG_LAST:
                raise Conflict
            raise LogUnavailable(self.shown, str(error.get("description", error)))
        last = int(answer["seq"])
        return last - len(messages) + 1, last

    def purge(self, before: int) -> None:
        """Delete all messages before a position."""
        self._api(f"STREAM.PURGE.{self.name}", {"seq": before})

    def last(self, kind: str) -> Message | None:
        """Return the newest message of a kind; None for none."""
        subject = self._subjects[kind]
        answer = self._api(f"STREAM.MSG.GET.{self.name}", {"last_by_subj": subject}, _NO_MESSAGE)
        if not answer:
            return None
        seq = int(answer["message"]["seq"])
        fields = _fields(answer["message"].get("hdrs", ""))
        first = seq - int(fields[PART].partition("/")[2]) + 1
        found = next((one for one in self.read(first - 1, seq) if one.last == seq), None)
        if found is None:
            raise LogUnavailable(self.shown, f"message {seq} is incomplete")
        return found

    def read(self, after: int, up_to: int) -> Iterator[Message]:
        """Yield the bodies behind `after` up to a message, in order."""
        if up_to <= after:
            return
        with closing(self.follow(after)) as arriving:
            for one in chain.from_iterable(arriving):
                if one.first > up_to:
                    return
                yield one
                if one.last >= up_to:
                    return

    def follow(self, after: int) -> Generator[list[Message], None, None]:
        """Yield the bodies behind `after` as they are stored; an empty list at least every few seconds.

        Raises LogUnavailable when the server stops sending; the caller starts again.
        """
        whole = _Parts(self._subjects)
        with self._client.inbox() as inbox:
            consumer = self._consumer(after)
            try:
                count = 0
                while True:
                    self._pull(consumer, inbox)
                    for found in self._pulled(inbox):
                        for message in found:
                            count += 1
                            if message.metadata.sequence.consumer != count:
                                raise LogUnavailable(self.shown, "a message was dropped on its way")
                        yield [one for one in map(whole.add, found) if one is not None]
            finally:
                self._drop(consumer)

    def _pulled(self, inbox: Inbox) -> Iterator[list[Msg]]:
        """Yield the messages of one pull; returns at its end."""
        received = 0
        while received < _PULL_MESSAGES:
            arrived = inbox.take(_HEARTBEAT_S * 2, most=64)
            if not arrived:
                raise LogUnavailable(self.shown, "the server sends no heartbeat")
            states = [message for message in arrived if (message.headers or {}).get(_STATUS)]
            found = [message for message in arrived if not (message.headers or {}).get(_STATUS)]
            received += len(found)
            yield found
            for state in states:
                fields = state.headers or {}
                text, code = fields.get("Description", "").lower(), fields[_STATUS]
                if fields.get(_UNSENT) == "0":
                    continue  # the pull has sent all its messages; this may arrive within the next one
                if code in {"404", "408"} or "max" in text or _UNSENT in fields:
                    return
                if code != "100":
                    raise LogUnavailable(self.shown, text or f"status {code}")

    def _created_elsewhere(self) -> Extent:
        """Return the extent of a stream that another process creates now: its servers need time to agree."""
        deadline_s = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline_s:
            extent = self.extent()
            if extent is not None:
                return extent
            time.sleep(_CREATED_POLL_S)
        raise LogUnavailable(self.shown, "another process creates the stream, and no server has it yet")

    def _consumer(self, after: int) -> str:
        config = {
            "ack_policy": "none",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "inactive_threshold": int(_INACTIVE_S * 1e9),
            "mem_storage": True,
            "num_replicas": 1,
        }
        body = {"stream_name": self.name, "config": config}
        answer = self._api(f"CONSUMER.CREATE.{self.name}", body)
        return str(answer["name"])

    def _pull(self, consumer: str, inbox: Inbox) -> None:
        body = {
            "batch": _PULL_MESSAGES,
            "max_bytes": max(_PULL_BYTES, 2 * self._client.max_payload),
            "expires": int(_PULL_S * 1e9),
            "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
        }
        self._client.send(f"$JS.API.CONSUMER.MSG.NEXT.{self.name}.{consumer}", json.dumps(body).encode(), inbox.name)

    def _drop(self, consumer: str) -> None:
        """Delete a consumer; the server deletes one that stays after its inactive time."""
        try:
            self._api(f"CONSUMER.DELETE.{self.name}.{consumer}", {})
        except LogUnavailable:
            return

    def _api(self, name: str, body: Mapping[str, Any], absent: int = 0) -> dict[str, Any]:
        """Return the answer of the JetStream interface; {} for the error code `absent`."""
        answer: dict[str, Any] = json.loads(self._client.request(f"$JS.API.{name}", json.dumps(body).encode()))
        error = answer.get("error")
        if error is None:
            return answer
        if absent and error.get("err_code") == absent:
            return {}
        if error.get("err_code") == _NO_STREAM:
            raise StreamGone(self.shown, DELETED)
        raise LogUnavailable(self.shown, str(error.get("description", error)))


class _Parts:
    """Joins the parts of a body; drops those of an incomplete one."""

    def __init__(self, subjects: Mapping[str, str]) -> None:
        self._kinds = {subject: kind for kind, subject in subjects.items()}
        self._open: list[tuple[int, Msg]] = []

    def add(self, message: Msg) -> Message | None:
        """Return the body that this message completes, or None."""
        fields = dict(message.headers or {})
        number, total = (int(text) for text in fields.get(PART, "1/1").split("/"))
        seq = message.metadata.sequence.stream
        if number == 1 or not self._open or self._open[-1][0] != seq - 1:
            self._open.clear()
        self._open.append((seq, message))
        if number != total or len(self._open) != total:
            return None
        first = self._open[0]
        body = b"".join(part.data for _, part in self._open)
        self._open.clear()
        return Message(self._kinds.get(message.subject, ""), first[0], seq, dict(first[1].headers or {}), body)


def _extent(answer: Mapping[str, Any]) -> Extent:
    metadata, state = answer["config"].get("metadata", {}), answer["state"]
    version = int(metadata.get(VERSION, 0))
    first, last, size = (int(state[name]) for name in ("first_seq", "last_seq", "bytes"))
    return Extent(metadata.get(IDENTITY, ""), version, first, last, size)


def _fields(packed: str) -> dict[str, str]:
    """Return the headers of a stored message, which the interface gives in base64."""
    lines = base64.b64decode(packed).decode().split("\r\n")[1:]
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
