/** Chart of a trend: values or means with their range, limits as dashed lines, anomalies as shaded bands. */
import type uPlot from "uplot";
import type { Readings } from "../api/types";

export interface Drawing {
  columns: uPlot.AlignedData;
  unit: string;
  ranged: boolean;
  limits: number[];
  spans: { from_s: number; to_s: number }[];
}

/** Columns from the points of the service: [t, value, low, high, count] by step, or [t, value, quality] raw. */
export function columns(readings: Readings): { columns: uPlot.AlignedData; ranged: boolean } {
  const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
  const rows = readings.points;
  const ranged = (readings.step_s ?? 0) > 0;
  const times = rows.map((row) => Number(row[0]) / 1000);
  const values = rows.map((row) => number(row[1]));
  if (!ranged) return { columns: [times, values], ranged };
  return { columns: [times, values, rows.map((row) => number(row[2])), rows.map((row) => number(row[3]))], ranged };
}

export function chart(
  drawing: Drawing,
  words: { value: string; average: string; range: string; time: string },
  style: CSSStyleDeclaration,
  width: number,
): uPlot.Options {
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const line = { stroke: colour("--focus"), width: 2, points: { size: 5 } };
  const edge = { stroke: colour("--line"), width: 1, points: { show: false } };
  const series: uPlot.Series[] = [{ label: words.time, value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, { label: `${drawing.ranged ? words.average : words.value} ${drawing.unit}`, ...line }];
  if (drawing.ranged) series.push({ label: `${words.range} ↓`, ...edge }, { label: `${words.range} ↑`, ...edge });
  const options: uPlot.Options = {
    width: Math.max(width, 120),
    height: 280,
    series,
    axes: [
      { ...axis, values: [[86400, "{MM}-{DD}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1], [60, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", "\n{MM}-{DD}", null, null, null, null, null, 1]] },
      { ...axis, size: 60 },
    ],
    scales: { y: { range: (_, low, high) => padded(low, high, drawing.limits) } },
    hooks: { drawClear: [(plot) => shade(plot, drawing, colour("--orange"))], draw: [(plot) => limits(plot, drawing, colour("--red"))] },
  };
  if (drawing.ranged) options.bands = [{ series: [3, 2], fill: `${colour("--focus")}22` }];
  return options;
}

function padded(low: number | null, high: number | null, limits: number[]): [number, number] {
  const all = [low ?? 0, high ?? 1, ...limits];
  const [min, max] = [Math.min(...all), Math.max(...all)];
  const room = (max - min || Math.abs(max) || 1) * 0.08;
  return [min - room, max + room];
}

function shade(plot: uPlot, drawing: Drawing, colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.globalAlpha = 0.22;
  ctx.fillStyle = colour;
  for (const { from_s, to_s } of drawing.spans) {
    const left = Math.max(bbox.left, plot.valToPos(from_s, "x", true));
    const right = Math.min(bbox.left + bbox.width, Math.max(plot.valToPos(to_s, "x", true), left + 3));
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

function limits(plot: uPlot, drawing: Drawing, colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([6, 5]);
  for (const limit of drawing.limits) {
    const y = plot.valToPos(limit, "y", true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}
