/** All open hazards of the person's schools, and the service's condition: for every page, the title and the sound. */
import { all, get } from "../api/client";
import type { Condition, Hazard } from "../api/types";
import { waits } from "./order";

const OPEN_MAX = 2000;
const RETRY_MS = 1000;
/** Pause between two reads: a storm of events must not use up the rate of the session, which twelve tabs may share. */
const PAUSE_MS = { visible: 300, hidden: 3000 };

class Alarms {
  open = $state.raw<Hazard[]>([]);
  condition = $state.raw<Condition | null>(null);
  /** Time of the oldest change that has not been read yet; null while everything shown is current. */
  behindSince = $state<number | null>(null);
  loaded = $state(false);
  /** Time at which the last successful read began. */
  readAt = $state(0);
  #wanted = 0;
  #reading: Promise<void> | null = null;
  #retry = 0;
  #paused_ms = 0;
  #hurry: () => void = () => undefined;

  /** Hazards of the real world that wait for an acknowledgement. */
  readonly waiting = $derived(this.open.filter((one) => waits(one) && !one.drill));
  /** Alarms that were sent from memory and are not in the database yet. */
  readonly unstored = $derived((this.condition?.alarms ?? []).filter((one) => one.grade && !this.open.some((known) => known.id === one.alarm_id)));
  /** Number of alarms that wait for a person. */
  readonly count = $derived(this.waiting.length + this.unstored.length);
  readonly drills = $derived(this.open.filter((one) => one.drill && (one.active || waits(one))));
  /** Fires that paged, and grade 1: shown on every page until they are cleared and acknowledged. */
  readonly gravest = $derived(this.open.filter((one) => !one.drill && !one.late && (one.grade === "red" || (one.kind === "fire" && one.paged)) && (one.active || waits(one))));

  /** Read everything again; one read at a time, and one more after a change during it. now: without a pause. */
  read(now = false): Promise<void> {
    if (now) this.#hurry();
    this.#wanted += 1;
    this.behindSince ??= Date.now();
    this.#reading ??= this.#readAll().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      for (let read = 0; read !== this.#wanted; ) {
        read = this.#wanted;
        const asked = Date.now();
        this.condition = await get<Condition>("condition"); // first: it holds alarms while the database answers nothing
        this.open = await all<Hazard>("hazards", { state: "open" }, OPEN_MAX);
        this.loaded = true;
        this.readAt = asked;
        this.behindSince = read === this.#wanted ? null : Date.now();
        await this.#pause(PAUSE_MS[document.visibilityState]);
      }
    } catch {
      this.#retry = window.setTimeout(() => void this.read(), RETRY_MS);
    }
  }

  /** Go on with an overdue read. The stream calls this: a browser may delay the timers of a hidden tab by a minute. */
  beat(): void {
    if (Date.now() - this.#paused_ms < PAUSE_MS[document.visibilityState]) return;
    this.#hurry();
    if (this.behindSince !== null && !this.#reading) void this.read();
  }

  #pause(ms: number): Promise<void> {
    this.#paused_ms = Date.now();
    return new Promise((done) => {
      this.#hurry = done;
      setTimeout(done, ms);
    });
  }

  /** Show the result of an action at once; the stream's event reads it again. */
  replace(hazard: Hazard): void {
    this.open = this.open.map((one) => (one.id === hazard.id ? hazard : one));
  }

  forget(): void {
    clearTimeout(this.#retry);
    this.open = [];
    this.condition = null;
    this.loaded = false;
    this.behindSince = null;
  }
}

export const alarms = new Alarms();
