/** Selection and order of alarms: one that is new or has risen, and is graver, takes the selection of an untouched list; a used list is frozen. */
import type { Hazard } from "../api/types";
import { NUMBER } from "../grades";
import { waits } from "./order";

const UNTOUCHED_MS = 10_000;
const FRESH_MS = 1000; // keys wait this long after a new alarm has taken the selection

export class Worklist {
  /** Id of the selected alarm. */
  chosen = $state("");
  /** Alarms shown, frozen in order and number while somebody uses the list. */
  shown = $state.raw<Hazard[]>([]);
  /** Number of alarms that the frozen list does not show yet. */
  above = $state(0);
  #rows: Hazard[] = [];
  #known = new Map<string, number>(); // id -> number of the grade
  #used_ms = -Infinity;
  #moved_ms = -Infinity;

  /** Take the present alarms in their order. */
  update(rows: Hazard[]): void {
    const fresh = rows.filter((one) => NUMBER[one.grade] < (this.#known.get(one.id) ?? Infinity));
    this.#known = new Map(rows.map((one) => [one.id, NUMBER[one.grade]]));
    this.#rows = rows;
    if (this.#touched()) return this.#refresh();
    this.release();
    this.#turnTo(fresh);
  }

  /** Select the first of these alarms that is graver than the selected one; without a selected one the gravest of all. */
  #turnTo(candidates: Hazard[]): void {
    const current = this.#rows.find((one) => one.id === this.chosen);
    const graver = candidates.find((one) => waits(one) && !one.drill && (!current || !waits(current) || (one.active && !current.active) || NUMBER[one.grade] < NUMBER[current.grade]));
    if (graver) this.#select(graver.id);
    else if (!current) this.#select(this.#rows[0]?.id ?? "");
  }

  /** Show the present order and number of alarms. */
  release(): void {
    this.shown = this.#rows;
    this.above = 0;
  }

  /** Record input by keyboard or pointer. */
  use(): void {
    this.#used_ms = performance.now();
  }

  /** Release the list after 10 s without input; called every second. */
  tick(): void {
    if (this.shown !== this.#rows && !this.#touched()) {
      const unseen = this.#rows.filter((one) => !this.shown.some((other) => other.id === one.id));
      const current = this.#rows.find((one) => one.id === this.chosen);
      this.release();
      if (!current || !waits(current)) this.#turnTo(unseen);
    }
    if (!this.shown.some((one) => one.id === this.chosen)) this.#select(this.shown[0]?.id ?? "");
  }

  choose(id: string): void {
    this.chosen = id;
  }

  move(step: number): void {
    const index = this.shown.findIndex((one) => one.id === this.chosen);
    this.chosen = this.shown[Math.max(0, Math.min(this.shown.length - 1, index + step))]?.id ?? "";
  }

  /** Whether the selection has just changed without input: a key pressed now was for the alarm before it. */
  moved(): boolean {
    return performance.now() - this.#moved_ms < FRESH_MS;
  }

  #touched(): boolean {
    return performance.now() - this.#used_ms < UNTOUCHED_MS;
  }

  /**
   * Keep order and number; show the present state of each alarm. One that has ended keeps its place, not the selection.
   * A list of ended alarms is released, and so is one without a waiting alarm if its selected one has ended.
   */
  #refresh(): void {
    const present = new Map(this.#rows.map((one) => [one.id, one]));
    const frozen = new Set(this.shown.map((one) => one.id));
    const standing = this.#rows.filter((one) => frozen.has(one.id));
    this.shown = this.shown.map((one) => present.get(one.id) ?? { ...one, active: false, state: "normal" });
    this.above = this.#rows.length - standing.length;
    if (standing.length && present.has(this.chosen)) return;
    const [gravest, next] = [this.#rows[0], standing[0]];
    if (gravest && next && (waits(next) || !waits(gravest))) return this.#select(next.id);
    this.release();
    this.#select(gravest?.id ?? "");
  }

  #select(id: string): void {
    if (id === this.chosen) return;
    if (id) this.#moved_ms = performance.now();
    this.chosen = id;
  }
}
