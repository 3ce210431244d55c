/** Times and figures of a detection. */
import type { Detection } from "../api/types";

export interface Span {
  first: string | null;
  last: string | null;
}

/** Return the first and last time of the window of a detection. */
export function bounds(detection: Detection): Span {
  return detection.window;
}

/** Return the span to mark on a trend: until the detection cleared, or until now. */
export function anomalous(detection: Detection, now_ms: number): { from_s: number; to_s: number } | null {
  const { first, last } = bounds(detection);
  if (!first) return null;
  const end_ms = detection.active ? now_ms : Date.parse(detection.cleared ?? last ?? first);
  return { from_s: Date.parse(first) / 1000, to_s: end_ms / 1000 };
}

/** Return a number with four significant digits. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return String(Number(value.toPrecision(4)));
}
