/** An alarm in words: place and kind first, then the highest and the present value. */
import type { Hazard, Sensor } from "../api/types";
import { quantity } from "../metrics";
import { clock, since } from "../times";
import { coded, say, t } from "../words/words.svelte";

/** Return all places of an alarm. */
export const placesOf = (hazard: Hazard): string => [say(hazard.place_name) || hazard.place || hazard.sensors[0]?.id || "", ...hazard.places.map(say)].join(t("comma"));

/** Return place and kind, such as "Dormitory 2, room 302: Fire". */
export const headline = (hazard: Hazard): string => t("headline", { place: placesOf(hazard), kind: coded("kind", hazard.kind) });

/** Return highest and present value in one sentence, "" without any; a present value beyond the highest one replaces it. */
export function values(hazard: Hazard, sensors: Sensor[], now_ms: number): string {
  const highest = hazard.highest;
  const wanted = highest ? { id: highest.sensor, metric: highest.metric } : hazard.sensors[0];
  const last = sensors.find((one) => one.id === wanted?.id)?.metrics.find((one) => one.name === wanted?.metric);
  const known = last && last.last_value !== null && last.last_time !== null ? { value: last.last_value, at: last.last_time, unit: last.unit } : null;
  const beyond = highest && known && hazard.active && (highest.falling ? known.value < highest.value : known.value > highest.value);
  const top = beyond ? known : highest;
  const parts = [
    top ? t(highest?.falling ? "lowestIs" : "peakIs", { value: quantity(top.value, top.unit), at: clock(top.at) }) : "",
    known ? t("presentIs", { value: quantity(known.value, known.unit), age: since(known.at, now_ms) }) : "",
  ];
  return parts.filter(Boolean).join(t("semicolon"));
}
