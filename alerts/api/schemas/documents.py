"""Response schemas of official documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.documents.forms import Form

from .fields import Body, Both


class Heading(Body):
    """One column of a form. group: heading above it, "" without one."""

    text: Both
    group: Annotated[str, Field(examples=["一般隐患"])]


class Document(Body):
    """One form. of_span: whether it is of a quarter or year."""

    form: Annotated[str, Field(examples=["risk_points"])]
    name: Both
    of_span: bool
    columns: list[Heading]


class DocumentList(Body):
    """All forms."""

    items: list[Document]


def document_body(form: Form, *, of_span: bool) -> Document:
    """Return a form with its headings."""
    columns = [Heading(text=Both(zh=one.zh, en=one.en), group=one.group) for one in form.columns]
    return Document(form=form.name, name=Both(zh=form.zh, en=form.en), of_span=of_span, columns=columns)
