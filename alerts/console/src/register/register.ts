/** Content of a risk point as the editor has it, and lists of its codes. */
import { address, call } from "../api/client";
import type { Both, Colour, Graded, MapPoint } from "../api/types";
import { NUMBER } from "../grades";
import { language } from "../words/words.svelte";

export interface Factors {
  method: string;
  version?: string;
  likelihood: number;
  severity: number;
  exposure: number | null;
}
export interface Measure {
  id: string;
  text: Both;
  kind: string;
  post: string;
  cycle_days: number;
  items: Both[];
  sensor: string;
}
export interface Source {
  name: Both;
  event: Both;
  accidents: string[];
}
export interface Content {
  name: Both;
  zone: string;
  place: string;
  object: Both;
  unit: Both;
  kind: string;
  hazard: string;
  sources: Source[];
  inherent: Factors | null;
  existing: Factors;
  measures: Measure[];
  emergency: Both;
  level: string;
  post: string;
  deputy: string;
  phone: string;
}

export const POINT_KINDS = ["place", "equipment", "routine_work", "special_work", "activity", "management"];
export const MEASURE_KINDS = ["engineering", "management", "training", "protection", "emergency"];
export const LEVELS = ["", "school", "department", "class", "post"];
export const HAZARDS = ["", "fire", "gas", "flood", "leak", "person_at_water", "intrusion", "after_hours_entry", "gate_forced", "crowd", "ebike_charging", "theft"];
const NAMES = { zh: "", en: "" };

export const blank = (zone: string): Content => ({
  name: { ...NAMES },
  zone,
  place: "",
  object: { ...NAMES },
  unit: { ...NAMES },
  kind: "place",
  hazard: "",
  sources: [{ name: { ...NAMES }, event: { ...NAMES }, accidents: [] }],
  inherent: { method: "ls", likelihood: 3, severity: 3, exposure: null },
  existing: { method: "ls", likelihood: 2, severity: 3, exposure: null },
  measures: [],
  emergency: { ...NAMES },
  level: "",
  post: "",
  deputy: "",
  phone: "",
});

/** Return a free id such as "m3". */
export function freeId(measures: Measure[]): string {
  let number = measures.length + 1;
  while (measures.some((one) => one.id === `m${number}`)) number += 1;
  return `m${number}`;
}

/** Return "2 × 5 = 10" of an assessment. */
export function formula(graded: Graded): string {
  const factors = ["likelihood", "exposure", "severity"].flatMap((name) => (name in graded.inputs ? [String(graded.inputs[name])] : []));
  return `${factors.join(" × ")} = ${graded.score}`;
}

export const pointPath = (site: string, point: string): string => `register/${encodeURIComponent(site)}/points/${encodeURIComponent(point)}`;
export const form = (site: string, name: string, format: string, query: Record<string, string | number> = {}): string =>
  address(`documents/${encodeURIComponent(site)}/forms/${name}`, { format, lang: language(), ...query });
export const cards = (site: string, points: string[] = []): string => address(`documents/${encodeURIComponent(site)}/cards`, { points: points.join(","), lang: language() });
export const list = (site: string, format: string): string => address(`register/${encodeURIComponent(site)}/list`, { format, lang: language() });

/** Return a file in base64. */
export async function encoded(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  return btoa(text);
}

export const approve = (site: string, versions: Record<string, number>): Promise<{ approved: number }> =>
  call("POST", `register/${encodeURIComponent(site)}/approvals`, { body: { versions }, wait_ms: 60_000 });

/** A risk point whose grade differs; null: the map of that time has no such point. point: as it is now, if it exists. */
export interface MapChange {
  point: MapPoint;
  was: Colour | null;
  now: Colour | null;
}

/** Return the differences of two maps: the worst present grade first, then by id. */
export function changesOf(past: MapPoint[], present: MapPoint[]): MapChange[] {
  const [before, after] = [past, present].map((points) => new Map(points.map((one) => [one.id, one])));
  const order = (one: MapChange): number => (one.now ? NUMBER[one.now] : 9);
  return [...new Map([...past, ...present].map((one) => [one.id, one])).values()]
    .map((point): MapChange => ({ point, was: before?.get(point.id)?.grade ?? null, now: after?.get(point.id)?.grade ?? null }))
    .filter((one) => one.was !== one.now)
    .sort((one, other) => order(one) - order(other) || one.point.id.localeCompare(other.point.id));
}
