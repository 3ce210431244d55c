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

/** The span to mark on a trend: until it cleared, or until now while it has not. */
export function anomalous(detection: Detection, now_ms: number): { from_s: number; to_s: number } | null {
  const { first, last } = bounds(detection);
  if (!first) return null;
  const end_ms = detection.active ? now_ms : Date.parse(detection.cleared ?? last ?? first);
  return { from_s: Date.parse(first) / 1000, to_s: end_ms / 1000 };
}

/** A number with no more digits than people read. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return String(Number(value.toPrecision(4)));
}
