"""Protobuf messages of Sparkplug B, limited to the fields of readings.

Source: eclipse/tahu, sparkplug_b/sparkplug_b.proto (package org.eclipse.tahu.protobuf). Field numbers and types are the
standard's. Data sets and extensions are left out; a reader skips them as unknown fields.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

__all__ = ["DecodeError", "Payload"]

_F = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "twinward.sparkplug_b"
_TYPES = {
    "uint32": _F.TYPE_UINT32,
    "uint64": _F.TYPE_UINT64,
    "float": _F.TYPE_FLOAT,
    "double": _F.TYPE_DOUBLE,
    "bool": _F.TYPE_BOOL,
    "string": _F.TYPE_STRING,
    "bytes": _F.TYPE_BYTES,
}
# message -> (field, number, type; a message's name where it is none of the above, "*" after it when repeated)
_MESSAGES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "PropertyValue": (
        ("type", 1, "uint32"),
        ("is_null", 2, "bool"),
        ("int_value", 3, "uint32"),
        ("long_value", 4, "uint64"),
        ("float_value", 5, "float"),
        ("double_value", 6, "double"),
        ("boolean_value", 7, "bool"),
        ("string_value", 8, "string"),
    ),
    "PropertySet": (("keys", 1, "string*"), ("values", 2, "PropertyValue*")),
    "Metric": (
        ("name", 1, "string"),
        ("alias", 2, "uint64"),
        ("timestamp", 3, "uint64"),
        ("datatype", 4, "uint32"),
        ("is_historical", 5, "bool"),
        ("is_transient", 6, "bool"),
        ("is_null", 7, "bool"),
        ("properties", 9, "PropertySet"),
        ("int_value", 10, "uint32"),
        ("long_value", 11, "uint64"),
        ("float_value", 12, "float"),
        ("double_value", 13, "double"),
        ("boolean_value", 14, "bool"),
        ("string_value", 15, "string"),
        ("bytes_value", 16, "bytes"),
        ("template_value", 18, "Template"),
    ),
    "Template": (
        ("version", 1, "string"),
        ("metrics", 2, "Metric*"),
        ("template_ref", 4, "string"),
        ("is_definition", 5, "bool"),
    ),
    "Payload": (
        ("timestamp", 1, "uint64"),
        ("metrics", 2, "Metric*"),
        ("seq", 3, "uint64"),
        ("uuid", 4, "string"),
        ("body", 5, "bytes"),
    ),
}


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="twinward/sparkplug_b.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            plain = kind.removesuffix("*")
            label = _F.LABEL_REPEATED if kind.endswith("*") else _F.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            added.type = _TYPES.get(plain, _F.TYPE_MESSAGE)
            if plain not in _TYPES:
                added.type_name = f".{_PACKAGE}.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


Payload: Any = _payload_class()
"""Payload of a message: timestamp (ms), metrics, seq."""
