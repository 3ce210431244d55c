"""Rule that each site keeps an administrator."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.errors import GuardFailed

from .model import Account


def require_admin(known: Sequence[Account], changed: Account) -> None:
    """Raise GuardFailed if the change leaves no active administrator for the sites of a present one."""
    before = next((account for account in known if account.username == changed.username), None)
    if before is None or "admin" not in before.roles:
        return
    after = [changed, *(account for account in known if account.username != changed.username)]
    if not any("admin" in one.roles and one.active and _reaches(one.sites, before.sites) for one in after):
        raise GuardFailed(
            "last_admin",
            "这是最后一个管理员账号，请先建立另一个管理员账号",
            "this is the last administrator of its sites; create another one first",
        )


def _reaches(sites: frozenset[str] | None, wanted: frozenset[str] | None) -> bool:
    return sites is None or (wanted is not None and wanted <= sites)
