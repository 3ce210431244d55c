/** Names and middles of places and zones. */
import type { Both, Zone } from "../api/types";

export function placeNames(zones: Zone[]): Map<string, Both> {
  return new Map(zones.flatMap((zone) => (zone.places ?? []).map((place) => [place.id, place.name] as const)));
}

export function placePoints(zones: Zone[]): Map<string, [number, number]> {
  return new Map(zones.flatMap((zone) => (zone.places ?? []).flatMap((place) => (place.xy ? [[place.id, place.xy] as const] : []))));
}

/** Mean of the corners: good enough to put a label on a convex zone. */
export function middle(polygon: [number, number][]): [number, number] {
  const sum = polygon.reduce<[number, number]>((so, [x, y]) => [so[0] + x, so[1] + y], [0, 0]);
  return [sum[0] / (polygon.length || 1), sum[1] / (polygon.length || 1)];
}
