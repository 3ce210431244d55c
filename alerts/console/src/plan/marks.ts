/** Marks of a plan: sensors, and clusters of sensors that are closer than a mark at this zoom; grid for hits. */
import type { Sensor } from "../api/types";
import type { View, Xy } from "./view";

const CELL_PX = 40;
const GAP_PX = 18; // between sensors of one point
const BESIDE_MAX = 6; // more sensors of one point are a cluster
const STEPS = 2; // zoom levels a doubling

/** A sensor on the plan. urgent: never part of a cluster. */
export interface Spot {
  sensor: Sensor;
  xy: Xy;
  urgent: boolean;
  /** Pixels beside its point, for sensors of one point. */
  aside_px: number;
}

/** A mark. spots: one sensor, or those of a cluster. */
export interface Mark {
  xy: Xy;
  aside_px: number;
  spots: Spot[];
}

export const urgent = (sensor: Sensor): boolean => sensor.state === "hazard" || sensor.state === "drill" || sensor.forecast != null;

export class Marks {
  #levels = new Map<number, Mark[]>();
  #cells = new Map<string, Mark[]>();
  #cellsOf: Mark[] | undefined;
  #cell_m = 1;

  constructor(readonly spots: Spot[]) {}

  /** Return the marks at a view; computed once for each level of zoom. */
  at(view: View): Mark[] {
    const level = levelOf(view);
    const known = this.#levels.get(level);
    if (known) return known;
    const made = this.#cluster(CELL_PX / 2 ** (level / STEPS));
    this.#levels.set(level, made);
    return made;
  }

  /** Return the mark at a pixel, the nearest of those within reach; urgent ones first. */
  hit(view: View, [x, y]: Xy, reach_px: number): Mark | null {
    this.#index(this.at(view), CELL_PX / view.scale);
    const column = Math.floor((x - view.x) / view.scale / this.#cell_m);
    const row = Math.floor((view.y - y) / view.scale / this.#cell_m);
    let best: Mark | null = null;
    let nearest = Infinity;
    for (let i = column - 3; i <= column + 3; i++)
      for (let j = row - 1; j <= row + 1; j++)
        for (const mark of this.#cells.get(`${i},${j}`) ?? []) {
          const away = Math.hypot(view.x + mark.xy[0] * view.scale + mark.aside_px - x, view.y - mark.xy[1] * view.scale - y);
          const rank = away - (mark.spots[0]?.urgent ? reach_px / 2 : 0);
          if (away <= reach_px && rank < nearest) [best, nearest] = [mark, rank];
        }
    return best;
  }

  #cluster(cell_m: number): Mark[] {
    const cells = new Map<string, Spot[]>();
    const marks: Mark[] = [];
    for (const spot of this.spots) {
      if (spot.urgent) continue;
      const key = `${Math.floor(spot.xy[0] / cell_m)},${Math.floor(spot.xy[1] / cell_m)}`;
      const cell = cells.get(key);
      if (cell) cell.push(spot);
      else cells.set(key, [spot]);
    }
    for (const cell of cells.values()) {
      const [first] = cell;
      if (!first) continue;
      const together = cell.every((one) => one.xy[0] === first.xy[0] && one.xy[1] === first.xy[1]);
      if (together && cell.length <= BESIDE_MAX) for (const spot of cell) marks.push({ xy: spot.xy, aside_px: spot.aside_px, spots: [spot] });
      else marks.push({ xy: middle(cell), aside_px: 0, spots: cell });
    }
    for (const spot of this.spots) if (spot.urgent) marks.push({ xy: spot.xy, aside_px: spot.aside_px, spots: [spot] });
    return marks;
  }

  #index(marks: Mark[], cell_m: number): void {
    if (this.#cellsOf === marks && this.#cell_m === cell_m) return;
    this.#cellsOf = marks;
    this.#cell_m = cell_m;
    this.#cells.clear();
    for (const mark of marks) {
      const key = `${Math.floor(mark.xy[0] / cell_m)},${Math.floor(mark.xy[1] / cell_m)}`;
      const cell = this.#cells.get(key);
      if (cell) cell.push(mark);
      else this.#cells.set(key, [mark]);
    }
  }
}

export const levelOf = (view: View): number => Math.round(Math.log2(view.scale) * STEPS);

/** Return the sensors with a position, those of one point side by side. */
export function spotsOf(sensors: Sensor[], points: Map<string, Xy>): Spot[] {
  const groups = new Map<string, Spot[]>();
  const spots: Spot[] = [];
  for (const sensor of sensors) {
    const xy = sensor.xy ?? points.get(sensor.place);
    if (!xy) continue; // without a position: only in the list
    const spot = { sensor, xy, urgent: urgent(sensor), aside_px: 0 };
    spots.push(spot);
    const group = groups.get(xy.join());
    if (group) group.push(spot);
    else groups.set(xy.join(), [spot]);
  }
  for (const group of groups.values()) group.forEach((spot, nth) => (spot.aside_px = (nth - (group.length - 1) / 2) * GAP_PX));
  return spots;
}

function middle(cell: Spot[]): Xy {
  let [x, y] = [0, 0];
  for (const spot of cell) {
    x += spot.xy[0];
    y += spot.xy[1];
  }
  return [x / cell.length, y / cell.length];
}
