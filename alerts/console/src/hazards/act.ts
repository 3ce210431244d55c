/** Actions on alarms. */
import { call } from "../api/client";
import type { Hazard, HazardDetail } from "../api/types";
import { both } from "../words/words.svelte";
import { alarms } from "./alarms.svelte";
import { headline } from "./sentence";

const NOTE_MAX = 500;

export type Action = "acknowledge" | "unacknowledge" | "confirm" | "call" | "evacuate";

/** Take an action. An evacuation is ordered for the zone of the alarm before it is recorded; a drill sounds no siren. */
export async function act(hazard: Hazard, action: Action): Promise<HazardDetail> {
  if (action === "evacuate") {
    const { site, zone, drill } = hazard;
    await call("POST", "emergency-orders", { body: { site, zone, action, drill, sound: !drill, note: note(hazard) } });
  }
  const after = await call<HazardDetail>("POST", `hazards/${encodeURIComponent(hazard.id)}/actions/${action}`, { body: {} });
  alarms.replace(after);
  return after;
}

/** Return place and kind in both languages, for the receivers of an order. */
function note(hazard: Hazard): string {
  const words = both(() => headline(hazard));
  return `${words.zh} / ${words.en}`.slice(0, NOTE_MAX);
}

/** Acknowledge several alarms, all or none. */
export async function acknowledgeAll(hazards: Hazard[]): Promise<void> {
  await call("POST", "hazards/acknowledgements", { body: { hazards: hazards.map((one) => one.id) } });
  await alarms.read(true);
}
