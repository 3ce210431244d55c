/** Orders in force of the person's schools: for the bar on every page and the page of orders. */
import { all } from "../api/client";
import type { EmergencyOrder } from "../api/types";

const RETRY_MS = 2000;

class Standing {
  orders = $state.raw<EmergencyOrder[]>([]);
  #retry = 0;
  #newest = 0;

  /** Read the orders again; retries until the service answers. */
  async read(): Promise<void> {
    clearTimeout(this.#retry);
    const turn = (this.#newest += 1);
    try {
      const found = await all<EmergencyOrder>("emergency-orders", { active: true });
      if (turn === this.#newest) this.orders = found;
    } catch {
      if (turn === this.#newest) this.#retry = window.setTimeout(() => void this.read(), RETRY_MS);
    }
  }
}

export const standing = new Standing();
