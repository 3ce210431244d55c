/** Fields of an action as text for people. */
import { stamp } from "../times";
import { coded } from "../words/words.svelte";

const NS_PER_MS = 1e6;

function shown(name: string, value: unknown): string {
  if (["due", "at", "until"].includes(name) && typeof value === "number") return stamp(value / NS_PER_MS);
  if (name === "action") return coded("action", String(value));
  return typeof value === "object" ? JSON.stringify(value) : coded("reason", String(value));
}

/** Return the fields with a value, except those named. */
export function fieldTexts(fields: Record<string, unknown> | undefined, except: string[] = []): string {
  return Object.entries(fields ?? {})
    .filter(([name, value]) => !except.includes(name) && value !== null && value !== "")
    .map(([name, value]) => `${coded("field", name)}: ${shown(name, value)}`)
    .join(" · ");
}
