"""Route of the readings of one sensor and metric, raw or down-sampled, as JSON or CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from alerts import Actor, Invalid, format_time
from ingest import METRIC_BY_NAME, Buckets, Metric, Series

from .dependencies import ActorIn, Dependencies, DependenciesIn, moment_of
from .problem import problems
from .schemas.sensors import Readings
from .sensors import find

router = APIRouter(tags=["readings"])
HOUR_NS = 3_600_000_000_000
MS_NS = 1_000_000
POINTS_MAX = 200_000
CHUNK = 2_000
CSV = {"schema": {"type": "string"}, "example": "time,value,quality\r\n2026-09-21T14:13:20.000+00:00,0.02,0\r\n"}


@router.get(
    "/readings",
    response_model=None,
    responses=problems(404) | {200: {"model": Readings, "content": {"text/csv": CSV}}},
)
def readings(
    service: DependenciesIn,
    actor: ActorIn,
    sensor: Annotated[str, Query(max_length=256)],
    metric: Annotated[str, Query(max_length=64, examples=["smoke_density"])],
    site: Annotated[str | None, Query(max_length=64, description="required if two sites use the sensor id")] = None,
    begin: Annotated[str | None, Query(alias="from", max_length=40, description="default: 1 h before `to`")] = None,
    end: Annotated[str | None, Query(alias="to", max_length=40, description="default: now")] = None,
    step: Annotated[float, Query(ge=0, le=31_536_000, description="seconds of a bucket; 0: raw readings")] = 0,
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 - name of the query parameter
) -> Response:
    """Return readings: time (epoch ms), value and quality; with a step: start, mean, low, high and count.

    At most 200,000 points. A bucket contains the readings of good quality. The response is built from columns and
    serialised without a model: it is the largest one of this interface.
    """
    known = find(service, actor, site or _site_of(service, actor, sensor), sensor)
    found, span_ns = _metric(service, metric), _span(service, begin, end)
    if step:
        rows, header = _bucket_rows(_buckets(service, known.code, found.code, span_ns, step)), "mean,low,high,count"
    else:
        series = service.telemetry.store.read(
            known.code, found.code, from_ns=span_ns[0], to_ns=span_ns[1], limit=POINTS_MAX
        )
        rows, header = _raw_rows(series), "value,quality"
    if format == "csv":
        return StreamingResponse(_csv(rows, f"time,{header}"), media_type="text/csv; charset=utf-8")
    body = {"sensor": sensor, "site": known.site, "metric": metric, "unit": found.unit}
    return Response(orjson.dumps(body | {"step_s": step or None, "points": rows}), media_type="application/json")


def _buckets(service: Dependencies, sensor: int, metric: int, span_ns: tuple[int, int], step_s: float) -> Buckets:
    from_ns, to_ns = span_ns
    points = (to_ns - from_ns) / (step_s * 1e9)
    if not math.isfinite(points) or points > POINTS_MAX:
        raise Invalid.in_both(
            {"step": (f"large enough for at most {POINTS_MAX} buckets", f"步长过小，最多 {POINTS_MAX} 个点")}
        )
    step_ns = max(1, int(step_s * 1e9))
    return service.telemetry.store.downsample(sensor, metric, from_ns=from_ns, to_ns=to_ns, step_ns=step_ns)


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
        raise Invalid.in_both({"metric": ("a metric that the service has received", "服务没有收到过此指标")})
    return known


def _site_of(service: Dependencies, actor: Actor, sensor_id: str) -> str:
    known = (sensor.site for sensor in service.telemetry.catalog if sensor.id == sensor_id)
    sites = {site for site in known if actor.sees(site)}
    if len(sites) > 1:
        raise Invalid.in_both(
            {
                "site": (
                    f"required: {len(sites)} sites use this sensor id",
                    f"{len(sites)} 所学校有此传感器编号，请指定学校",
                )
            }
        )
    return next(iter(sites), "")


def _span(service: Dependencies, begin: str | None, end: str | None) -> tuple[int, int]:
    """Return the span [from, to) in ns. Raises Invalid."""
    to_ns = service.clock() + 1 if end is None else moment_of(end, "to")
    from_ns = to_ns - HOUR_NS if begin is None else moment_of(begin, "from")
    if from_ns >= to_ns:
        raise Invalid.in_both({"from": ("before `to`", "须早于结束时间")})
    return from_ns, to_ns
