/** Order of the list: unacknowledged first, then by grade, then the newest. */
import type { Hazard } from "../api/types";
import { NUMBER } from "../grades";

export const waits = (hazard: Hazard): boolean => hazard.state === "unacknowledged" || hazard.state === "returned";

/** Whether the fire line is called for an alarm of this cause. */
export const callsFireLine = (hazard: Pick<Hazard, "cause">): boolean => hazard.cause === "fire";

/** Roles with the right to acknowledge. */
export const WATCHERS = ["operator", "officer", "admin"];
/** Roles with the right to comment on a hazard. */
export const COMMENTERS = ["operator", "officer", "fixer", "admin"];

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
