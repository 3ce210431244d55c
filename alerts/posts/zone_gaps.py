"""Zones whose people in the campus file have left: gaps with the line to change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from alerts.risk.registry import Registry, Zone
from alerts.tickets.zone_people import ROLES, Handed, Role, present

from .responsibility import Gap

NAMES: dict[Role, tuple[str, str]] = {"officer": ("安全员", "officer"), "fixer": ("整改责任人", "fixer")}


def zones_of(registry: Registry, sites: Collection[str]) -> dict[str, list[Zone]]:
    """Return the zones of sites that name people."""
    wanted, found = set(sites), dict[str, list[Zone]]()
    for zone in [*registry.zones.values()]:
        if zone.site in wanted and (zone.officer or zone.fixer):
            found.setdefault(zone.site, []).append(zone)
    return found


def zone_gaps(registry: Registry, zones: Iterable[Zone], handed: Handed, active: Collection[str]) -> Iterator[Gap]:
    """Yield a gap for each role of a zone of one site whose account has handed over, has ended, or is locked.

    active: accounts that have not ended and are not locked.
    """
    for zone in sorted(zones, key=lambda one: one.id):
        for role in ROLES:
            named = str(getattr(zone, role))
            following = present(named, handed)
            if named and (following != named or named not in active):
                yield Gap("zone", zone.id, _text(registry, zone, role, following, able=following in active))


def _text(registry: Registry, zone: Zone, role: Role, following: str, *, able: bool) -> dict[str, str]:
    """Return the text of a gap. following: account that has the work now; able: it has not ended and is not locked."""
    named, (role_zh, role_en) = getattr(zone, role), NAMES[role]
    line = registry.people_lines.get((zone.site, zone.id, role))
    zh = f"区域“{zone.name_zh or zone.id}”的{role_zh}在校园文件中仍为 {named}"
    en = f"the campus file names {named} as {role_en} of the zone {zone.name_en or zone.id}"
    if following != named:
        zh, en = f"{zh}，现由 {following} 接任", f"{en}; {following} has taken over"
    if not able:
        zh += "，该账号已停用或不存在" if following == named else "，但接任账号已停用或不存在"
        whose = "the account" if following == named else "that account"
        en += f"; {whose} has ended, is locked or does not exist"
    zh += f"；请修改校园文件第 {line} 行（{role}）" if line else f"；请修改校园文件中 [[zone]] {zone.id} 的 {role}"
    en += (
        f": change line {line} of the campus file ({role})"
        if line
        else f": change {role} of [[zone]] {zone.id} in the campus file"
    )
    return {"zh": zh, "en": en}
