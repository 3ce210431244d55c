/** Sentences of emergency orders. */
import type { EmergencyOrder, Zone } from "../api/types";
import { shared } from "../state.svelte";
import { coded, say, t } from "../words/words.svelte";

/** Return the area of an order: the zone, or the whole school. */
export function area(order: Pick<EmergencyOrder, "site" | "zone">, zones: Zone[]): string {
  const zone = zones.find((one) => one.site === order.site && one.id === order.zone);
  const place = order.zone ? say(zone?.name) || order.zone : t("wholeSchool");
  return shared.sites.length > 1 ? `${say(shared.siteName(order.site))} · ${place}` : place;
}

/** Return an order as one line, such as "Evacuation: Dormitory 3". */
export function heading(order: Pick<EmergencyOrder, "site" | "zone" | "action">, zones: Zone[]): string {
  return t("headline", { place: coded("order", order.action), kind: area(order, zones) });
}
