/** Sensors with the grade of the gravest open hazard that they belong to, and its forecast. */
import { all, get, escapePath } from "../api/client";
import type { Colour, Hazard, HazardForecast, Sensor } from "../api/types";
import { NUMBER } from "../grades";

/** What the open hazards of a sensor state about it. */
export interface Standing {
  grade: Colour;
  forecast: HazardForecast | null;
}

export async function readSensors(site: string): Promise<Sensor[]> {
  const [sensors, standing] = await Promise.all([all<Sensor>("sensors", { site }), openHazards(site)]);
  return sensors.map((sensor) => graded(sensor, standing));
}

export async function readSensor(site: string, id: string): Promise<Sensor> {
  const path = `sensors/${encodeURIComponent(site)}/${escapePath(id)}`;
  const [sensor, standing] = await Promise.all([get<Sensor>(path), openHazards(site)]);
  return graded(sensor, standing);
}

export function graded(sensor: Sensor, standing: Map<string, Standing>): Sensor {
  const known = standing.get(sensor.id);
  return { ...sensor, grade: known?.grade ?? null, forecast: known?.forecast ?? null };
}

export async function openHazards(site: string): Promise<Map<string, Standing>> {
  return standingOf(await all<Hazard>("hazards", { site, state: "open" }));
}

/** Return grade and forecast of each sensor by these open hazards. */
export function standingOf(hazards: Hazard[]): Map<string, Standing> {
  const standing = new Map<string, Standing>();
  for (const hazard of hazards) {
    if (!hazard.active || hazard.drill) continue;
    for (const { id } of hazard.sensors) {
      const known = standing.get(id);
      const forecast = hazard.forecast?.sensor === id ? hazard.forecast : (known?.forecast ?? null);
      const grade = known && NUMBER[known.grade] <= NUMBER[hazard.grade] ? known.grade : hazard.grade;
      standing.set(id, { grade, forecast });
    }
  }
  return standing;
}
