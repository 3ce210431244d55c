/** Neighbours of an alarm: sensors of its place, then of its zone, with the metric that compares best. */
import { all, get } from "../api/client";
import type { HazardDetail, Readings, Sensor } from "../api/types";

export interface Series {
  sensor: Sensor;
  metric: string;
  unit: string;
  /** times in ms with values */
  points: [number, number][];
}

const MOST = 6;
const SPAN_MS = 3_600_000;
const STEP_S = 30;

/** Return the trends of the neighbours over the hour before a time, all on one time axis. */
export async function neighbours(hazard: HazardDetail, end_ms: number): Promise<Series[]> {
  const sensors = await all<Sensor>("sensors", { site: hazard.site });
  const leader = hazard.highest ?? { sensor: hazard.sensors[0]?.id ?? "", metric: hazard.sensors[0]?.metric ?? "" };
  const near = sensors
    .filter((one) => one.id !== leader.sensor && one.zone && one.zone === hazard.zone && !one.removed)
    .map((sensor) => ({ sensor, metric: compared(sensor, leader.metric), apart: sensor.place === hazard.place ? 0 : 1 }))
    .filter((one) => one.metric !== "")
    .sort((a, b) => a.apart - b.apart || Number(b.metric === leader.metric) - Number(a.metric === leader.metric) || a.sensor.id.localeCompare(b.sensor.id));
  return Promise.all(near.slice(0, MOST).map(({ sensor, metric }) => read(sensor, metric, end_ms)));
}

/** Return the metric of a sensor to show: that of the alarm, else its first measured one. */
function compared(sensor: Sensor, wanted: string): string {
  const measured = sensor.metrics.filter((one) => one.unit !== "bool" && one.unit !== "count");
  return (measured.find((one) => one.name === wanted) ?? measured.find((one) => !/battery|rssi|link/.test(one.name)))?.name ?? "";
}

async function read(sensor: Sensor, metric: string, end_ms: number): Promise<Series> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const found = await get<Readings>("readings", { site: sensor.site, sensor: sensor.id, metric, from: iso(end_ms - SPAN_MS), to: iso(end_ms), step: STEP_S });
  const points = found.points.map(([at, value]) => [Number(at), Number(value)] as [number, number]).filter(([, value]) => Number.isFinite(value));
  return { sensor, metric, unit: found.unit, points };
}
