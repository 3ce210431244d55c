/** Facts of several detections of one metric or one hazard: of the newest active one, else of the newest. */
import type { Both, Detection, HazardForecast } from "../api/types";

export interface Facts {
  leader: Detection;
  baseline: Detection | null;
  band: Detection["band"];
  forecast: HazardForecast | null;
  change: Both | null;
  agreeing: string[];
  belief: number | null;
}

/** Return the facts of these detections, the newest first; null without any. */
export function factsOf(detections: Detection[]): Facts | null {
  const ordered = [...detections.filter((one) => one.active), ...detections.filter((one) => !one.active)];
  const leader = ordered[0];
  if (!leader) return null;
  const same = ordered.filter((one) => one.active === leader.active);
  const forecasting = same.find((one) => one.forecast) ?? null;
  const banded = same.find((one) => one.band && one.metric === leader.metric && one.sensor === leader.sensor);
  return {
    leader,
    baseline: leader.baseline === null ? (same.find((one) => one.baseline !== null) ?? null) : leader,
    band: banded?.band ?? null,
    forecast: forecasting?.forecast ? { ...forecasting.forecast, sensor: forecasting.sensor, metric: forecasting.metric, unit: forecasting.unit, value: forecasting.value } : null,
    change: leader.change ?? same.find((one) => one.change)?.change ?? null,
    agreeing: [...new Set(same.flatMap((one) => one.agreeing))].filter((id) => id !== leader.sensor),
    belief: same.find((one) => one.belief !== null)?.belief ?? null,
  };
}
