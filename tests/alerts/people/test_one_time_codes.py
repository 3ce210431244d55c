"""One-time codes: the vectors of RFC 6238, the accepted steps, the key URI."""

from __future__ import annotations

import base64

import pytest

from alerts.people.one_time_codes import STEP_S, code, matching_step, new_secret, otpauth_uri

SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "94287082",
    1_111_111_109: "07081804",
    1_111_111_111: "14050471",
    1_234_567_890: "89005924",
    2_000_000_000: "69279037",
    20_000_000_000: "65353130",
}
"""RFC 6238, appendix B: seconds since 1970 and the code of eight digits with SHA-1."""
SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(("seconds", "expected"), VECTORS.items())
def test_codes_equal_the_vectors_of_the_standard(seconds: int, expected: str) -> None:
    """Eight digits as in the standard; six digits are their end."""
    assert code(SECRET, seconds // STEP_S, digits=8) == expected
    assert code(SECRET, seconds // STEP_S) == expected[2:]


def test_one_step_before_and_after_is_accepted() -> None:
    """A clock that is 30 s off, and no further."""
    now_s = 1_790_000_010
    for steps in range(-3, 4):
        given = code(SECRET, now_s // STEP_S + steps)
        found = matching_step(SECRET, given, now_s * SECOND_NS)
        assert found == (now_s // STEP_S + steps if abs(steps) <= 1 else None)
    assert matching_step(SECRET, "一二三四五六", now_s * SECOND_NS) is None


def test_secrets_differ_and_the_uri_has_no_raw_names() -> None:
    """160 random bits; a name of any characters is quoted."""
    assert len(base64.b32decode(new_secret())) == 20
    assert new_secret() != new_secret()
    assert otpauth_uri("A", "a b/c").startswith("otpauth://totp/Twinward:a%20b/c?secret=A&")
