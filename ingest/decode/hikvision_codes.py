"""Meaning of Hikvision codes: major and minor type of an access event, type of a camera event.

Source: HCNetSDK.h (MINOR_LEGAL_CARD_PASS and so on) for codes; ISAPI `EventNotificationAlert` for event types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_ALARM, _EXCEPTION, _OPERATION, _EVENT = 1, 2, 3, 5


class Code(NamedTuple):
    """Meaning of a code. part: the part of the controller that it concerns; "" for the controller itself."""

    part: str
    metric: str
    value: float
    event: str = ""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A part with a number: its name as a probe, and the key of the number in the message."""

    name: str
    key: str


PARTS: Mapping[str, Numbered] = {
    "door": Numbered("door", "doorNo"),
    "reader": Numbered("reader", "cardReaderNo"),
    "input": Numbered("input", "alarmInNo"),
    "case": Numbered("case", "caseSensorNo"),
    "channel": Numbered("channel", "channelControllerID"),
}
"""Parts with a number. A part without a number in the message, or outside this table, has its plain name."""

_GRANTED: Sequence[int] = (
    *(1, 2, 16, 34, 38, 40, 43, 46, 54, 57, 60, 63, 66, 69, 72, 75, 77, 101, 105, 153),
    23,  # exit button: an opening that needs no card
)
_REFUSED: Sequence[int] = (
    *(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 35, 36, 39, 41, 42, 44, 45, 47, 48, 49, 55, 56, 58, 59, 61, 62),
    *(64, 65, 67, 68, 70, 71, 73, 74, 76, 78, 79, 80, 94, 102, 103, 104, 112, 113, 117, 118, 119, 130, 132, 151),
    *(152, 154, 155),
)


def _pair(major: int, minor: int, part: str, metric: str, *, event: str = "") -> dict[tuple[int, int], Code]:
    """Return a state and its end, the next minor code."""
    return {(major, minor): Code(part, metric, 1.0, event), (major, minor + 1): Code(part, metric, 0.0, event)}


CODES: Mapping[tuple[int, int], Code] = {
    **{(_EVENT, minor): Code("door", "access_granted", 1.0) for minor in _GRANTED},
    **{(_EVENT, minor): Code("door", "access_granted", 0.0) for minor in _REFUSED},
    **_pair(_EVENT, 19, "door", "lock_open"),  # open permanently
    **_pair(_EVENT, 21, "door", "lock_open"),
    **_pair(_EVENT, 25, "door", "open"),
    (_EVENT, 27): Code("door", "forced", 1.0),
    (_EVENT, 28): Code("door", "open", 1.0),  # open for too long: still open
    (_EVENT, 31): Code("door", "lock_open", 0.0),  # locked permanently
    (_EVENT, 135): Code("door", "forced", 1.0),  # turnstile: forced through
    (_EVENT, 136): Code("door", "forced", 1.0),  # climbed over
    (_EVENT, 138): Code("door", "forced", 1.0),  # intrusion
    (_EVENT, 139): Code("door", "forced", 1.0),  # passed a free gate without authentication
    (_EVENT, 133): Code("door", "rule_active", 1.0, "tailgating"),
    (_EVENT, 134): Code("door", "rule_active", 1.0, "reverse_passage"),
    (_EVENT, 137): Code("door", "rule_active", 1.0, "passage_timeout"),
    (_EVENT, 143): Code("door", "rule_active", 1.0, "loitering"),
    **_pair(_EVENT, 52, "fire_relay", "smoke"),
    **{(_EVENT, minor): Code("door", "fault", 1.0) for minor in range(83, 94)},  # lock, contact or button
    **_pair(_EVENT, 140, "door", "fault"),  # arm of a turnstile blocked
    (_ALARM, 1024): Code("input", "rule_active", 1.0, "alarm_input"),
    (_ALARM, 1025): Code("input", "rule_active", 1.0, "alarm_input"),
    (_ALARM, 1026): Code("input", "rule_active", 1.0, "alarm_input"),
    (_ALARM, 1027): Code("input", "rule_active", 0.0, "alarm_input"),
    **_pair(_ALARM, 1028, "", "tamper"),
    **_pair(_ALARM, 1030, "reader", "tamper"),
    **_pair(_ALARM, 1032, "case", "rule_active", event="event_input"),
    (_ALARM, 1034): Code("door", "panic", 1.0),  # duress code
    **_pair(_ALARM, 1039, "module", "tamper"),
    (_ALARM, 1045): Code("fire_input", "smoke", 1.0),  # the fire system shorts or opens the input
    (_ALARM, 1046): Code("fire_input", "smoke", 1.0),
    (_ALARM, 1047): Code("fire_input", "smoke", 0.0),
    **_pair(_ALARM, 1048, "fire_button", "smoke"),
    **_pair(_ALARM, 1052, "emergency_button", "panic"),
    **_pair(_ALARM, 1054, "distributed", "tamper"),
    **_pair(_ALARM, 1058, "channel", "tamper"),
    **_pair(_ALARM, 1060, "channel_fire_input", "smoke"),
    **_pair(_EXCEPTION, 58, "rs485", "fault"),
    **_pair(_EXCEPTION, 1027, "", "battery_low"),
    **_pair(_EXCEPTION, 1029, "mains", "fault"),
    (_EXCEPTION, 1032): Code("flash", "fault", 1.0),
    **_pair(_EXCEPTION, 1033, "reader", "fault"),
    **_pair(_EXCEPTION, 1035, "indicator", "fault"),
    **_pair(_EXCEPTION, 1037, "channel", "fault"),
    **_pair(_EXCEPTION, 1039, "module", "fault"),
    **_pair(_EXCEPTION, 1041, "", "battery_low"),
    **_pair(_EXCEPTION, 1043, "local_network", "fault"),
    **_pair(_EXCEPTION, 1045, "rs485_loop", "fault"),
    **_pair(_EXCEPTION, 1047, "local_controller", "fault"),
    **_pair(_EXCEPTION, 1049, "rs485_branch", "fault"),
    (_EXCEPTION, 1051): Code("distributed", "fault", 0.0),
    (_EXCEPTION, 1052): Code("distributed", "fault", 1.0),
    **_pair(_EXCEPTION, 1053, "id_reader", "fault"),
    **_pair(_EXCEPTION, 1055, "fingerprint", "fault"),
    **_pair(_EXCEPTION, 1057, "camera", "fault"),
    **_pair(_EXCEPTION, 1059, "serial_port", "fault"),
    (_EXCEPTION, 1062): Code("id_reader", "fault", 0.0),
    (_EXCEPTION, 1063): Code("id_reader", "fault", 1.0),
    (_EXCEPTION, 1068): Code("motor", "fault", 1.0),
    **_pair(_EXCEPTION, 1069, "can_bus", "fault"),
    (_EXCEPTION, 1071): Code("turnstile_temperature", "fault", 1.0),
    **_pair(_EXCEPTION, 1072, "infrared", "fault"),
    **_pair(_EXCEPTION, 1074, "lamp_board", "fault"),
    **_pair(_EXCEPTION, 1076, "infrared_adaptor", "fault"),
    (_OPERATION, 1024): Code("door", "access_granted", 1.0),  # opened remotely
    (_OPERATION, 1026): Code("door", "lock_open", 1.0),  # open permanently
    (_OPERATION, 1027): Code("door", "lock_open", 0.0),  # locked permanently
    (_OPERATION, 1039): Code("door", "access_granted", 1.0),  # opened with the unlocking password
    (_OPERATION, 1053): Code("door", "access_granted", 1.0),  # opened by remote control
    (_OPERATION, 1054): Code("door", "lock_open", 1.0),
}
"""Major and minor code -> meaning."""

IGNORED: Mapping[str, Sequence[range]] = {
    "step of a verification that another code ends": (range(17, 19), range(33, 34), range(50, 52), range(81, 83)),
    "release of the exit button": (range(24, 25),),
    "output of the controller": (range(29, 31), range(95, 101)),
    "end of a permanent lock": (range(32, 33),),
    "door bell": (range(37, 38),),
    "message without a state": (range(114, 117), range(120, 121), range(131, 132), range(142, 143)),
}
"""Reason -> minor codes of major type 5 that give no reading."""
IGNORED_ALARMS: Mapping[str, Sequence[range]] = {
    "memory, pictures and points of sale": (range(1035, 1036), range(1037, 1039), range(1041, 1045)),
    "refusals that the door reports": (range(1036, 1037),),
    "button of maintenance": (range(1050, 1052),),
    "printer, memory": (range(1088, 1091),),
}
"""Reason -> minor codes of major type 1 that give no reading."""
IGNORED_EXCEPTIONS: Mapping[str, Sequence[range]] = {
    "network of the controller: seen by its absence": (range(39, 40), range(1031, 1032)),
    "start of the controller": (range(1024, 1027),),
    "sign-ins, licence, servers, printers": (range(1061, 1062), range(1064, 1068), range(1078, 1082)),
}
"""Reason -> minor codes of major type 2 that give no reading."""


def reason_of(major: int, minor: int) -> str:
    """Return why a code gives no reading; "" for an unknown code."""
    if major == _OPERATION:
        return "operation of a person"
    table = {_EVENT: IGNORED, _ALARM: IGNORED_ALARMS, _EXCEPTION: IGNORED_EXCEPTIONS}.get(major, {})
    return next((reason for reason, spans in table.items() if any(minor in span for span in spans)), "")


CAMERA_EVENTS: Mapping[str, tuple[str, str]] = {
    "vmd": ("motion", ""),
    "motiondetection": ("motion", ""),
    "pir": ("motion", ""),
    "shelteralarm": ("blind", ""),
    "tamperdetection": ("blind", ""),
    "videoloss": ("blind", ""),
    "scenechangedetection": ("blind", ""),
    "defocus": ("blind", ""),
    "firedetection": ("object_present", "fire"),
    "smokedetection": ("object_present", "smoke"),
    "smokeandfiredetection": ("object_present", "fire"),
    "audioexception": ("sound", "sound"),
    "audiodetection": ("sound", "sound"),
    "diskerror": ("fault", ""),
    "diskfull": ("fault", ""),
    "recordexception": ("fault", ""),
    "linedetection": ("rule_active", ""),
    "fielddetection": ("rule_active", ""),
    "regionentrance": ("rule_active", ""),
    "regionexiting": ("rule_active", ""),
    "loitering": ("rule_active", ""),
    "group": ("rule_active", ""),
    "rapidmove": ("rule_active", ""),
    "parking": ("rule_active", ""),
    "unattendedbaggage": ("rule_active", ""),
    "attendedbaggage": ("rule_active", ""),
    "facedetection": ("rule_active", ""),
    "anpr": ("rule_active", ""),
    "io": ("rule_active", ""),
    "tma": ("heat", ""),
    "thermometryalarm": ("heat", ""),
}
"""Type of a camera's event in lower case -> metric and label."""
IGNORED_EVENTS: Mapping[str, str] = {
    "heartbeat": "heartbeat of the connection",
    "nicbroken": "network of the camera: seen by its absence",
    "ipconflict": "network of the camera",
    "illaccess": "sign-in at the camera",
    "videomismatch": "setting",
}
"""Type of a camera's event without a reading, and the reason."""
