"""Tables of accounts, second factors, sessions and display links."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Table, Text

from .columns import metadata, text

accounts = Table(
    "accounts",
    metadata,
    Column("username", text(64), primary_key=True),
    Column("name", JSON, nullable=False),
    Column("password", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("sites", JSON),
    Column("ended_ns", BigInteger),
    Column("person", text(64)),  # null: the account is a person of its own
    Column("locked_ns", BigInteger),  # null: it may sign in
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("username", text(64), primary_key=True),
    Column("secret", Text, nullable=False),
    Column("pending", Text, nullable=False),  # secret of an authenticator without its first code
    Column("confirmed", Boolean, nullable=False),
    Column("last_step", BigInteger, nullable=False),  # a code counts once
    Column("recovery", JSON, nullable=False),  # digests
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", text(64), primary_key=True),
    Column("username", text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
)

displays = Table(
    "displays",
    metadata,
    Column("id", text(16), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("name", text(64), nullable=False),
    Column("created_by", text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("digest", text(64), nullable=False, unique=True),
)

push_devices = Table(
    "push_devices",
    metadata,
    Column("id", text(16), primary_key=True),
    Column("username", text(64), nullable=False, index=True),
    Column("name", text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("endpoint", text(1_024), nullable=False, unique=True),
    Column("p256dh", text(96), nullable=False),
    Column("auth", text(32), nullable=False),
)
