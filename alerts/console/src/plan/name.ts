/** Name of a sensor's mark for pointer and screen reader: id, kind, state, forecast. */
import type { Sensor } from "../api/types";
import { arrival, record } from "../hazards/forecast";
import { coded } from "../words/words.svelte";

export function nameOf(sensor: Sensor, now_ms: number): string {
  const { forecast } = sensor;
  const predicted = forecast ? ` · ${arrival(forecast, forecast.unit, now_ms)} · ${record(forecast)}` : "";
  return `${sensor.id} · ${coded("kind", sensor.kind)} · ${coded("sensor", sensor.state)}${predicted}`;
}
