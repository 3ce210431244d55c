/** Names and positions of places and zones. */
import type { Both, Zone } from "../api/types";

export function placeNames(zones: Zone[]): Map<string, Both> {
  return new Map(zones.flatMap((zone) => (zone.places ?? []).map((place) => [place.id, place.name] as const)));
}

export function placePoints(zones: Zone[]): Map<string, [number, number]> {
  return new Map(zones.flatMap((zone) => (zone.places ?? []).flatMap((place) => (place.xy ? [[place.id, place.xy] as const] : []))));
}

/** Return the middle of the upper edge. A name above the zone hides no sensor. */
export function upperEdge(polygon: [number, number][]): [number, number] {
  const top = Math.max(...polygon.map(([, y]) => y));
  const across = polygon.filter(([, y]) => y === top).map(([x]) => x);
  return [across.reduce((so, x) => so + x, 0) / (across.length || 1), top];
}
