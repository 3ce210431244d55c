"""Errors of the alerts package.

AlertError
├── NotFound             the object does not exist or is outside the person's sites
├── Forbidden            the person's roles do not permit the operation
├── Stale                the object changed after the person read it
├── GuardFailed          the loop does not permit the step now; the reason in both languages
├── Invalid              fields are missing or wrong; fields: name -> expected value
├── RegistryError        the campus file is wrong; errors has one line per mistake
├── RosterError          a roster is wrong; errors has one line per mistake
├── TransportRefused     the HTTP interface would be open off this machine without TLS, or its certificate is unusable
├── ChannelError         a channel cannot be opened as configured
├── DatabaseUnavailable  the database server or file does not open
├── NotOwner             another node writes the database
└── SchemaError          this version cannot open the database
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_FOUND: Mapping[str, str] = {
    "account": "账号",
    "action": "操作",
    "approved risk point": "已批准的风险点",
    "archived document": "归档文件",
    "browser": "浏览器",
    "camera": "摄像机",
    "channel": "通知渠道",
    "course": "培训",
    "danger": "隐患",
    "display": "显示屏",
    "drill": "演练",
    "entry": "记录",
    "escalation": "升级流程",
    "finding": "检测结果",
    "form": "表单",
    "handover": "交接班记录",
    "hazard": "险情",
    "inspection": "检查",
    "link": "链接",
    "notice": "通知",
    "order": "应急指令",
    "photo": "照片",
    "picture": "图片",
    "place": "位置",
    "planned drill": "演练计划",
    "receipt": "受理回执",
    "risk point": "风险点",
    "roster": "值班表",
    "rule": "规则",
    "rule with limits": "带限值的规则",
    "sensor": "传感器",
    "silence": "静默",
    "site": "学校",
    "tag": "标签",
    "ticket": "工单",
}
"""Object of a NotFound -> its name in Chinese."""


class AlertError(Exception):
    """Base of all errors of this package."""


class NotFound(AlertError):  # noqa: N818 - names the state
    """The object does not exist in the sites of the person."""

    def __init__(self, what: str, identity: str) -> None:
        """what: one of NOT_FOUND."""
        super().__init__(f"no {what} {identity!r}" if identity else f"no such {what}")
        self.what, self.identity = what, identity

    @property
    def zh(self) -> str:
        """Return the reason in Chinese."""
        return f"找不到{NOT_FOUND[self.what]}{f'“{self.identity}”' if self.identity else ''}，或不在您的范围内"


class Forbidden(AlertError):  # noqa: N818 - names the state
    """The person may not do this. zh: the reason in Chinese."""

    def __init__(self, operation: str, reason: tuple[str, str] | None = None) -> None:
        """reason: one line in English and in Chinese; by default the roles of the person."""
        en, self.zh = reason or (f"your roles do not allow {operation}", "您的角色无权执行此操作")
        super().__init__(en)
        self.operation = operation


class Stale(AlertError):  # noqa: N818 - names the state
    """The version of the request is not the present one."""

    def __init__(self, seen: int, present: int) -> None:
        super().__init__(f"version {seen} was changed meanwhile; the present one is {present}")
        self.seen, self.present = seen, present


class GuardFailed(AlertError):  # noqa: N818 - names the state
    """The step is not permitted now. zh, en: the reason."""

    def __init__(self, guard: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.guard, self.zh, self.en = guard, zh, en


class Invalid(AlertError):  # noqa: N818 - names the state
    """Fields are missing or wrong. fields: name -> expected value; zh: the same in Chinese, for people."""

    def __init__(self, fields: Mapping[str, str], *, zh: Mapping[str, str]) -> None:
        if fields.keys() != zh.keys():
            raise TypeError(f"fields {sorted(fields)} have Chinese texts for {sorted(zh)}")
        super().__init__("; ".join(f"{name}: {wanted}" for name, wanted in fields.items()))
        self.fields, self.zh = dict(fields), dict(zh)

    @classmethod
    def in_both(cls, wrong: Mapping[str, tuple[str, str]]) -> Invalid:
        """Return the error of fields with their expected values in English and Chinese."""
        return cls({name: en for name, (en, _) in wrong.items()}, zh={name: zh for name, (_, zh) in wrong.items()})


class RegistryError(AlertError):
    """The campus file is wrong. errors: one line each, with table, key and allowed values."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class RosterError(AlertError):
    """A roster is wrong. errors: one line each, with table, key and allowed values."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class ChannelError(AlertError):
    """A channel cannot be opened as configured."""


class TransportRefused(AlertError):  # noqa: N818 - names the state
    """The settings of the HTTP interface give no safe transport."""


class NotOwner(AlertError):  # noqa: N818 - names the state
    """Another process has taken the right to write the database."""

    def __init__(self) -> None:
        super().__init__("another node writes the alert database now")


class DatabaseUnavailable(AlertError):  # noqa: N818 - names the state
    """The database does not open. url: without its password; reason: first line of the driver's error."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"cannot open the alert database {url}: {reason}; set `database` to sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/NAME of a running server"
        )
        self.url, self.reason = url, reason


class SchemaError(AlertError):
    """This version of the program cannot open the database."""
