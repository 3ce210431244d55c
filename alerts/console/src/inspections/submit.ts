import { call } from "../api/client";
import type { InspectionBody, Outcomes } from "../api/types";

/** An entry without its id and time. */
export interface Tick {
  type: "start" | "check_in" | "item" | "end";
  stop?: string;
  item?: string;
  result?: string;
  note?: string;
  code?: string;
}

/** Return a fresh id. crypto.randomUUID needs a secure context; random values do not. */
export function freshId(prefix: string): string {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0"));
  return `${prefix}-${random.join("")}`;
}

/** Return the time of the device with its offset. */
export function deviceTime(): string {
  const now = new Date();
  const minutes = -now.getTimezoneOffset();
  const two = (value: number): string => String(Math.trunc(Math.abs(value))).padStart(2, "0");
  const local = new Date(now.getTime() + minutes * 60_000).toISOString().slice(0, 23);
  return `${local}${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** Store one entry of an inspection; return its id and the outcomes. */
export async function submit(site: string, inspection: InspectionBody["id"], tick: Tick): Promise<[string, Outcomes]> {
  const id = freshId("e");
  const path = `inspections/${encodeURIComponent(site)}/${encodeURIComponent(inspection)}/entries`;
  return [id, await call<Outcomes>("POST", path, { body: { entries: [{ id, at: deviceTime(), ...tick }] } })];
}
