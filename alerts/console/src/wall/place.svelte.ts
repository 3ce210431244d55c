/** Zones, sensors and figures of the school on the wall. A failed read leaves the last state, which becomes stale. */
import { all, ApiError, get } from "../api/client";
import type { Overview, Plan, PlanFloor, Sensor, Zone } from "../api/types";

export class Place {
  zones = $state.raw<Zone[]>([]);
  floors = $state.raw<PlanFloor[]>([]);
  sensors = $state.raw<Sensor[]>([]);
  overview = $state.raw<Overview | null>(null);
  /** Whether zones and floors have been read. */
  drawn = $state(false);
  #reading = false;

  async readZones(site: string): Promise<void> {
    if (!site) return;
    await quietly(async () => {
      this.zones = await all<Zone>("zones", { site });
      this.floors = (await get<Plan>(`plans/${encodeURIComponent(site)}`)).floors;
      this.drawn = true;
    });
  }

  /** Read figures and sensors; one read at a time. */
  async readPresent(site: string): Promise<void> {
    if (!site || this.#reading) return;
    this.#reading = true;
    await quietly(async () => {
      this.overview = await get<Overview>("overview", { site });
      this.sensors = await all<Sensor>("sensors", { site }, 5000);
    });
    this.#reading = false;
  }
}

async function quietly(read: () => Promise<unknown>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the cover shows a service that does not answer
  }
}
