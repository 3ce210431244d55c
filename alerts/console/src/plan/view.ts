/** View of a plan: metres (y upward) to pixels of the canvas (y downward). */
export type Xy = [number, number];

/** scale: pixels a metre; x, y: pixel of the plan's origin. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export interface Box {
  left: number;
  bottom: number;
  right: number;
  top: number;
}

const MARGIN_PX = 24;
export const SCALE_MAX = 120;

export const screen = (view: View, [x, y]: Xy): Xy => [view.x + x * view.scale, view.y - y * view.scale];
export const metres = (view: View, [x, y]: Xy): Xy => [(x - view.x) / view.scale, (view.y - y) / view.scale];

/** Return the box around points; null without points. */
export function around(points: Xy[]): Box | null {
  if (points.length === 0) return null;
  const box = { left: Infinity, bottom: Infinity, right: -Infinity, top: -Infinity };
  for (const [x, y] of points) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.bottom = Math.min(box.bottom, y);
    box.top = Math.max(box.top, y);
  }
  return box;
}

/** Return the box with a share of its size added on each side; at least some metres. */
export function padded(box: Box, share: number, least_m: number): Box {
  const extra = Math.max(share * Math.max(box.right - box.left, box.top - box.bottom), least_m);
  return { left: box.left - extra, right: box.right + extra, bottom: box.bottom - extra, top: box.top + extra };
}

/** Return the view that shows a box in a canvas of this size. */
export function fitted(box: Box, width: number, height: number): View {
  const across = Math.max(1, width - 2 * MARGIN_PX) / Math.max(box.right - box.left, 1e-6);
  const up = Math.max(1, height - 2 * MARGIN_PX) / Math.max(box.top - box.bottom, 1e-6);
  const scale = Math.min(across, up, SCALE_MAX);
  return { scale, x: width / 2 - (scale * (box.left + box.right)) / 2, y: height / 2 + (scale * (box.bottom + box.top)) / 2 };
}

/** Return the view after a zoom by a factor around a pixel; bounded by a quarter of the fitted scale. */
export function zoomed(view: View, factor: number, [x, y]: Xy, least: number): View {
  const scale = Math.min(SCALE_MAX, Math.max(least, view.scale * factor));
  const by = scale / view.scale;
  return { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
}

/** Return the view between two views; share: 0 to 1. */
export function between(from: View, to: View, share: number): View {
  const eased = share * (2 - share);
  const mix = (a: number, b: number): number => a + (b - a) * eased;
  return { scale: mix(from.scale, to.scale), x: mix(from.x, to.x), y: mix(from.y, to.y) };
}
