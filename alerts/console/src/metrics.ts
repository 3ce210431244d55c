/** Display names of metrics and units. */
import { figure } from "./hazards/evidence";
import { coded, t } from "./words/words.svelte";

const UNITS: Record<string, string> = { Cel: "°C", bool: "", count: "", "m3/s": "m³/s", "ug/m3": "µg/m³" };

export const unitName = (unit: string): string => UNITS[unit] ?? unit;
export const metricName = (metric: string): string => coded("metric", metric);

export function quantity(value: number | null | undefined, unit: string): string {
  if (unit === "bool" && typeof value === "number") return value ? t("yes") : t("no");
  return `${figure(value)} ${unitName(unit)}`.trim();
}
