/** Reading one piece of evidence. */
import type { Detection } from "../api/types";

export interface Span {
  first: string | null;
  last: string | null;
}

/** First and last time of what the detection saw. */
export function bounds(detection: Detection): Span {
  const window = detection.window;
  if (Array.isArray(window)) return { first: window[0], last: window[1] };
  return { first: window?.first ?? detection.first ?? null, last: window?.last ?? detection.last ?? null };
}

/** A number with no more digits than people read. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return String(Number(value.toPrecision(4)));
}
