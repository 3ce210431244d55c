/** Rooms without a working detector: positions on the plan, and text of each. */
import type { BlindRoom, Zone } from "../api/types";
import { coded, say } from "../words/words.svelte";
import { screen, type View, type Xy } from "./view";

export interface BlindSpot {
  place: string;
  xy: Xy;
  floor: number | null;
  text: string;
}

/** Name of the room, required detection, and cause. */
export const blindText = (room: BlindRoom): string => `${say(room.place_name)} · ${say(room.detection_name)} · ${coded("blind", room.cause)}`;

/** Return the rooms whose places have a position, each place once. */
export function blindSpots(rooms: BlindRoom[], zones: Zone[]): BlindSpot[] {
  const places = new Map(zones.flatMap((zone) => zone.places.map((place) => [place.id, place] as const)));
  const byPlace = Map.groupBy(rooms, (one) => one.place);
  return [...byPlace].flatMap(([place, own]) => {
    const known = places.get(place);
    return known?.xy ? [{ place, xy: known.xy, floor: known.floor, text: own.map(blindText).join("; ") }] : [];
  });
}

/** Return the room at a pixel, null without one. */
export function blindAt(spots: BlindSpot[], view: View, [x, y]: Xy, reach_px: number): BlindSpot | null {
  return spots.find((one) => Math.max(...screen(view, one.xy).map((value, nth) => Math.abs(value - (nth === 0 ? x : y)))) <= reach_px) ?? null;
}
