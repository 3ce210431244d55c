/** Present state of sensors: the last read one, under the open alarms that the live stream keeps current. */
import type { Hazard, Sensor } from "../api/types";
import { graded, standingOf } from "../sensors/read";

/** Kinds of hazards of a sensor or gateway without data: they are no alarm at its place. */
const WITHOUT_DATA = new Set(["sensor_silent", "gateway_silent", "detector_lost"]);

export function present(sensors: Sensor[], open: Hazard[]): Sensor[] {
  const active = open.filter((one) => one.active);
  const alarmed = active.filter((one) => !WITHOUT_DATA.has(one.kind));
  const ids = (drill: boolean): Set<string> => new Set(alarmed.filter((one) => one.drill === drill).flatMap((one) => one.sensors.map(({ id }) => id)));
  const [real, drilled, missing] = [ids(false), ids(true), new Set(active.filter((one) => WITHOUT_DATA.has(one.kind)).flatMap((one) => one.sensors.map(({ id }) => id)))];
  const standing = standingOf(open);
  return sensors.map((sensor) => ({ ...graded(sensor, standing), state: stateOf(sensor, real, drilled, missing) }));
}

function stateOf(sensor: Sensor, real: Set<string>, drilled: Set<string>, missing: Set<string>): Sensor["state"] {
  if (real.has(sensor.id)) return "hazard";
  if (drilled.has(sensor.id)) return "drill";
  if (sensor.state === "hazard" || sensor.state === "drill") return missing.has(sensor.id) ? "silent" : "ok";
  return sensor.state === "ok" && missing.has(sensor.id) ? "silent" : sensor.state;
}
