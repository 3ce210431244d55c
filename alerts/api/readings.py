"""Readings of one sensor and metric, raw or down-sampled, as JSON or CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from alerts import Actor, Invalid, format_time, parse_time
from ingest import METRIC_BY_NAME, Buckets, Metric, Series

from .dependencies import ActorIn, Dependencies, DependenciesIn
from .schemas import Json
from .sensors import find

router = APIRouter(tags=["readings"])
HOUR_NS = 3_600_000_000_000
MS_NS = 1_000_000
POINTS_MAX = 200_000
CHUNK = 2_000


@router.get("/readings", response_model=None)
def readings(
    service: DependenciesIn,
    actor: ActorIn,
    sensor: Annotated[str, Query(max_length=256)],
    metric: Annotated[str, Query(max_length=64, examples=["smoke_density"])],
    site: Annotated[str | None, Query(max_length=64, description="needed where two sites know the id")] = None,
    begin: Annotated[str | None, Query(alias="from", max_length=40, description="default: an hour before `to`")] = None,
    end: Annotated[str | None, Query(alias="to", max_length=40, description="default: now")] = None,
    step: Annotated[float, Query(ge=0, le=31_536_000, description="seconds a bucket; 0: raw readings")] = 0,
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 - the name in the address
) -> Json | Response:
    """Points of time (epoch ms), value and quality; with a step: start, mean, low, high and count of good readings."""
    known = find(service, actor, site or _site_of(service, actor, sensor), sensor)
    to_ns = service.clock() + 1 if end is None else _moment(end, "to")
    from_ns = to_ns - HOUR_NS if begin is None else _moment(begin, "from")
    found = _metric(service, metric)
    if from_ns >= to_ns:
        raise Invalid({"from": "before `to`"})
    if step:
        _check_points((to_ns - from_ns) / (step * 1e9))
        step_ns = max(1, int(step * 1e9))
        buckets = service.telemetry.store.downsample(
            known.code, found.code, from_ns=from_ns, to_ns=to_ns, step_ns=step_ns
        )
        rows, header = _bucket_rows(buckets), "time,mean,low,high,count"
    else:
        series = service.telemetry.store.read(known.code, found.code, from_ns=from_ns, to_ns=to_ns, limit=POINTS_MAX)
        rows, header = _raw_rows(series), "time,value,quality"
    if format == "csv":
        return StreamingResponse(_csv(rows, header), media_type="text/csv; charset=utf-8")
    about = {"sensor": sensor, "site": known.site, "metric": metric, "unit": found.unit}
    return about | {"step_s": step or None, "points": rows}


def _raw_rows(series: Series) -> list[list[float | int]]:
    columns = (series.time_ns // MS_NS, series.value, series.quality)
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _bucket_rows(buckets: Buckets) -> list[list[float | int]]:
    columns = (buckets.start_ns // MS_NS, buckets.mean, buckets.low, buckets.high, buckets.count)
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _csv(rows: list[list[float | int]], header: str) -> Iterator[str]:
    yield header + "\r\n"
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        yield "".join(
            f"{format_time(int(row[0]) * MS_NS)},{','.join(str(value) for value in row[1:])}\r\n" for row in chunk
        )


def _metric(service: Dependencies, name: str) -> Metric:
    known = METRIC_BY_NAME.get(name) or service.telemetry.catalog.learned(name)
    if known is None:
        raise Invalid({"metric": "no reading ever had this metric"})
    return known


def _site_of(service: Dependencies, actor: Actor, sensor_id: str) -> str:
    known = (sensor.site for sensor in service.telemetry.catalog if sensor.id == sensor_id)
    sites = {site for site in known if actor.sees(site)}
    if len(sites) > 1:
        raise Invalid({"site": f"is needed: {len(sites)} sites have a sensor of this id"})
    return next(iter(sites), "")


def _moment(text: str, field: str) -> int:
    try:
        found = parse_time(text)
    except (ValueError, OverflowError) as error:
        raise Invalid({field: str(error)}) from error
    if not -(2**62) < found < 2**62:
        raise Invalid({field: "a time within reason"})
    return found


def _check_points(points: float) -> None:
    if not math.isfinite(points) or points > POINTS_MAX:
        raise Invalid({"step": f"large enough for at most {POINTS_MAX} buckets"})
