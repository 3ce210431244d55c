"""Templates of SMS gateways: one HTTP request as data, with its signature as a list of steps.

A placeholder `{name}` is a value of the message, a secret of the channel or the result of a step. `{name:url}` is
percent-encoded (RFC 3986), `{name:json}` escaped for a JSON string. A step computes one value from a text:

| `make` | value |
|---|---|
| `text` | the text itself |
| `sha256` | lower-case hexadecimal SHA-256 of the text |
| `hmac-sha1`, `hmac-sha256` | HMAC of the text with `key`, a text or the raw result of the step `key_of` |

`form` of an HMAC is `hex`, `base64` or `raw`; a raw value is a key of a later step only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import orjson

from alerts.errors import ChannelError
from ingest.tables import FilledText, TableReader, one_of

MAKES = ("text", "sha256", "hmac-sha1", "hmac-sha256")
FORMS = ("hex", "base64", "raw")
PROVIDERS = ("aliyun", "tencent")
"""Templates of the package, by their provider's name."""
GIVEN = ("number", "text", "text_zh", "text_en", "place", "kind", "grade", "time", "date", "epoch", "nonce")
"""Values of a message."""
_PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)(?::(url|json))?\}")
_KEEP = "-_.~"


@dataclass(frozen=True, slots=True)
class Step:
    """One computed value."""

    name: FilledText
    make: Annotated[str, one_of(MAKES)]
    text: str
    key: str = ""
    key_of: str = ""
    form: Annotated[str, one_of(FORMS)] = "hex"


@dataclass(frozen=True, slots=True)
class Answer:
    """Success in a JSON response: the value at `path` (keys and indices, separated by dots) is one of `good`.

    throttled: values that mean too many messages; permanent: values after which no attempt can succeed.
    """

    path: FilledText
    good: tuple[str, ...]
    throttled: tuple[str, ...] = ()
    permanent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """Form in which the provider posts the replies of recipients: one JSON object, or an array of them.

    sender, text: their keys; success: the response after which the provider does not repeat them.
    """

    sender: FilledText
    text: FilledText
    success: FilledText


@dataclass(frozen=True, slots=True)
class Template:
    """Request of one gateway. secrets: names of the values that the channel file states."""

    url: FilledText
    method: Annotated[str, one_of(("GET", "POST"))]
    secrets: tuple[str, ...]
    answer: Answer
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    step: tuple[Step, ...] = ()
    query: str = ""
    replies: ReplyForm | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One filled request."""

    headers: Mapping[str, str]
    body: bytes
    query: str


def read_template(provider: str) -> Template:
    """Return a template of the package, or of a TOML file. Raises ChannelError with all errors."""
    inside = resources.files(__package__) / "sms_providers" / f"{provider}.toml"
    file = inside if provider in PROVIDERS else Path(provider)
    reader = TableReader.open(file, lambda errors: ChannelError("; ".join(errors)))
    found = reader.record(Template, reader.table, "", check=_errors)
    reader.finish()
    if found is None:
        raise ChannelError(f"{file}: no template")
    return found


def fill(template: Template, given: Mapping[str, str]) -> Request:
    """Return the request with these values of the message and secrets."""
    values: dict[str, str | bytes] = dict(given)
    for step in template.step:
        values[step.name] = _made(step, values)
    headers = {name.lower(): _filled(text, values) for name, text in template.headers.items()}
    return Request(headers, _filled(template.body, values).encode(), _filled(template.query, values))


def answer_code(template: Template, content: bytes) -> str:
    """Return the value of the response that decides on success; "" if the response has none."""
    try:
        found: Any = orjson.loads(content)
        for key in template.answer.path.split("."):
            found = found[int(key)] if isinstance(found, list) else found[key]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return str(found)


def _made(step: Step, values: Mapping[str, str | bytes]) -> str | bytes:
    text = _filled(step.text, values)
    if step.make == "text":
        return text
    if step.make == "sha256":
        return hashlib.sha256(text.encode()).hexdigest()
    key = values[step.key_of] if step.key_of else _filled(step.key, values)
    raw = key if isinstance(key, bytes) else key.encode()
    digest = hmac.new(raw, text.encode(), step.make.removeprefix("hmac-")).digest()
    if step.form == "raw":
        return digest
    return digest.hex() if step.form == "hex" else base64.b64encode(digest).decode()


def _filled(text: str, values: Mapping[str, str | bytes]) -> str:
    """Return the text with its placeholders replaced, each once: a value is never a template."""

    def value(found: re.Match[str]) -> str:
        given = values[found[1]]
        if isinstance(given, bytes):
            raise TypeError(found[1])
        if found[2] == "url":
            return quote(given, safe=_KEEP)
        return orjson.dumps(given).decode()[1:-1] if found[2] == "json" else given

    return _PLACEHOLDER.sub(value, text)


def _errors(template: Template) -> Iterable[str]:
    """Yield placeholders without a value, and steps whose key is unknown."""
    known, raw = {*GIVEN, *template.secrets}, set[str]()
    for step in template.step:
        unknown = _unknown(f"{step.text}{step.key}", known - raw)
        if unknown or (step.key_of and step.key_of not in known):
            wrong = ", ".join(unknown) or step.key_of
            yield f"step {step.name}: no value {wrong}; allowed are {', '.join(sorted(known))}"
        known.add(step.name)
        raw |= {step.name} if step.form == "raw" and step.make.startswith("hmac") else set()
    whole = "".join((template.body, template.query, *template.headers.values()))
    for name in _unknown(whole, known - raw):
        yield f"body, query or headers: no value {name}; allowed are {', '.join(sorted(known - raw))}"


def _unknown(text: str, known: set[str]) -> list[str]:
    return sorted({found[1] for found in _PLACEHOLDER.finditer(text)} - known)
