/** Order of the list: unacknowledged first, then by grade, then the newest. */
import type { Hazard } from "../api/types";
import { NUMBER } from "../grades";

export const waits = (hazard: Hazard): boolean => hazard.state === "unacknowledged" || hazard.state === "returned";

/** Roles with the right to acknowledge. */
export const WATCHERS = ["operator", "officer", "admin"];

const rank = (hazard: Hazard): number[] => [
  waits(hazard) ? 0 : 1,
  hazard.active ? 0 : 1,
  hazard.drill ? 1 : 0,
  NUMBER[hazard.grade],
  -Date.parse(hazard.opened_at ?? ""),
];

export function ordered(hazards: Hazard[]): Hazard[] {
  return hazards
    .map((hazard) => ({ hazard, rank: rank(hazard) }))
    .sort((a, b) => a.rank.reduce((found, value, index) => found || value - (b.rank[index] ?? 0), 0))
    .map(({ hazard }) => hazard);
}
