/** Incidents of the wall: large ones, and groups of one cause in one zone. */
import type { Hazard } from "../api/types";
import { waits } from "../hazards/order";

/** Return whether an alarm has a place of its own on the wall: it paged, or it is above the lowest grade. */
export const large = (hazard: Hazard): boolean => (hazard.active || waits(hazard)) && (hazard.paged || hazard.grade !== "blue" || hazard.forecast !== null);

/** Return the alarms of the same cause and zone that wait for an acknowledgement. */
export const groupOf = (hazard: Hazard, all: Hazard[]): Hazard[] =>
  all.filter((one) => waits(one) && one.drill === hazard.drill && one.site === hazard.site && one.zone === hazard.zone && one.cause === hazard.cause);
