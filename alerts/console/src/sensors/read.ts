/** Sensors with the grade of the gravest open hazard that they belong to. */
import { all, get, escapePath } from "../api/client";
import type { Colour, Hazard, Sensor } from "../api/types";
import { NUMBER } from "../grades";

export async function readSensors(site: string): Promise<Sensor[]> {
  const [sensors, grades] = await Promise.all([all<Sensor>("sensors", { site }), openGrades(site)]);
  return sensors.map((sensor) => graded(sensor, grades));
}

export async function readSensor(site: string, id: string): Promise<Sensor> {
  const path = `sensors/${encodeURIComponent(site)}/${escapePath(id)}`;
  const [sensor, grades] = await Promise.all([get<Sensor>(path), openGrades(site)]);
  return graded(sensor, grades);
}

export function graded(sensor: Sensor, grades: Map<string, Colour>): Sensor {
  const grade = grades.get(sensor.id) ?? null;
  return { ...sensor, grade };
}

export async function openGrades(site: string): Promise<Map<string, Colour>> {
  const grades = new Map<string, Colour>();
  for (const hazard of await all<Hazard>("hazards", { site, state: "open" })) {
    if (!hazard.active || hazard.drill) continue;
    for (const { id } of hazard.sensors) {
      const known = grades.get(id);
      if (!known || NUMBER[hazard.grade] < NUMBER[known]) grades.set(id, hazard.grade);
    }
  }
  return grades;
}
