"""Codes of rejects and notices, each with one line for people."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "utf8": "topic or payload is not UTF-8",
    "json": "payload is not JSON (cut short, or another format)",
    "not_object": "JSON is neither an object nor an array of objects",
    "empty": "payload is empty, or names no metric",
    "retained": "a retained reading; rejected before retained readings had a quality of their own",
    "too_large": "payload is over the size limit",
    "topic": "no decoder claims this topic",
    "site_unknown": "the campus file does not name the site, and intake.strict is set",
    "identity": "site or device in the payload differ from those of the topic",
    "kind": "the kind in the topic is none of the six",
    "sensor_name": "site or sensor name has other characters than [A-Za-z0-9._-], or more than 64",
    "metric_name": "metric name is ill-formed",
    "metric_reserved": "metric is reserved for the service",
    "type": "value is neither number, boolean nor null",
    "not_finite": "value is NaN or infinite",
    "time_format": "time is neither RFC 3339 with offset nor epoch milliseconds",
    "time_past": "time is before the accepted range",
    "time_future": "time is more than a day ahead",
    "depth": "JSON is nested too deeply",
    "sensor_limit": "the catalogue is at its limit of sensors",
    "metric_limit": "the catalogue is at its limit of metrics",
    "undescribed": "the message that describes this one has not arrived yet",
    "template": "the announcement needs an unsupported template",
    "internal": "the decoder failed; a programming error",
}
"""Reject reasons: code -> one line for people. Codes are part of stored data."""

NOTICES: Mapping[str, str] = {
    "ignored": "the message has no reading by design",
    "out_of_range": "value outside the metric's valid range, stored with quality fault",
    "time_format": "time that cannot be read: evaluated and stored at its arrival",
    "time_past": "life-safety message before the accepted range of times: evaluated and stored at its arrival",
    "time_future": "time ahead of the arrival: evaluated and stored at its arrival",
    "clock_unknown": "life-safety message with an old time, clock not shown to be right: evaluated at its arrival",
    "clock_corrected": "stored at a corrected time: the device's clock has an offset",
    "unknown_metric": "a metric without description, kept as kind env",
    "personal_data": "a name, card number or plate was left out",
    "retained": "a retained message, stored as a state: no event and no heartbeat",
    "seq": "seq is no integer and was left out",
    "no_codec": "a device whose bytes the network server could not decode",
    "history_without_time": "a past value without its time",
    "sensor_fault": "the sensor reports a failed measurement",
    "unread": "keys of a message that hold a value and gave no reading",
    "distrusted": "values that the device marks as doubtful",
    "data_gap": "missing messages, by the device's sequence numbers",
    "excess": "messages of a device beyond the rate limit, during a flood",
    "new_names": "undeclared names, during a flood",
    "foreign": "messages that claim another site or device; their rows are in the quarantine",
    "seq_gap": "messages of a node are missing: a rebirth was requested",
    "unknown_event": "an event whose code is in no table",
    "replayed": "a quarantined message that was reprocessed",
    "other": "a decoder's notice outside this table",
}
"""Notices about accepted readings: code -> one line for people."""

FIXABLE = frozenset((
    "topic", "site_unknown", "kind", "time_past", "time_future", "sensor_limit", "metric_limit", "undescribed",
    "template", "internal",
))  # fmt: skip
"""Reasons with a fixable cause: these messages are kept whole, to be reprocessed."""
