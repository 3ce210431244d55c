/** Chart of a trend: values or means, normal band, limits as dashed lines, anomalies shaded, forecast as a fan. */
import uPlot from "uplot";
import type { Readings } from "../api/types";
import { zoneName } from "../times";

/** Fan from the last value to the times at which it reaches the limit. high_s: null without an upper bound. */
export interface Fan {
  from_s: number;
  value: number;
  low_s: number;
  at_s: number;
  high_s: number | null;
  limit: number;
}

export interface Drawing {
  columns: uPlot.AlignedData;
  unit: string;
  ranged: boolean;
  limits: number[];
  spans: { from_s: number; to_s: number }[];
  band: { low: number; high: number } | null;
  baseline: number | null;
  fan: Fan | null;
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
    tzDate: (time_s) => uPlot.tzDate(new Date(time_s * 1000), zoneName()),
    series,
    axes: [
      { ...axis, values: [[86400, "{MM}-{DD}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1], [60, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", "\n{MM}-{DD}", null, null, null, null, null, 1]] },
      { ...axis, size: 60 },
    ],
    scales: { x: { range: (_, from, to) => [from, lastTime(to, drawing.fan)] }, y: { range: (_, low, high) => padded(low, high, marks(drawing)) } },
    hooks: {
      drawClear: [(plot) => normal(plot, drawing, colour("--focus")), (plot) => shade(plot, drawing, colour("--orange"))],
      draw: [(plot) => limits(plot, drawing, colour("--red")), (plot) => fan(plot, drawing.fan, colour("--forecast"))],
    },
  };
  if (drawing.ranged) options.bands = [{ series: [3, 2], fill: `${colour("--focus")}22` }];
  return options;
}

/** Values that the vertical axis must show beside the readings. */
const marks = ({ limits, band, baseline, fan }: Drawing): number[] =>
  [...limits, band?.low, band?.high, baseline, fan?.limit, fan?.value].filter((one): one is number => typeof one === "number" && Number.isFinite(one));

/** Last time of the axis: that of the readings, or the end of the fan. */
const lastTime = (to_s: number, fan: Fan | null): number => Math.max(to_s, fan ? (fan.high_s ?? fan.at_s) : 0);

function padded(low: number | null, high: number | null, limits: number[]): [number, number] {
  const all = [low ?? 0, high ?? 1, ...limits];
  const [min, max] = [Math.min(...all), Math.max(...all)];
  const room = (max - min || Math.abs(max) || 1) * 0.08;
  return [min - room, max + room];
}

/** Normal range as a pale band over the whole width, baseline as a dotted line. */
function normal(plot: uPlot, { band, baseline }: Drawing, colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  if (band) {
    const [top, bottom] = [plot.valToPos(band.high, "y", true), plot.valToPos(band.low, "y", true)];
    ctx.globalAlpha = 0.16;
    ctx.fillStyle = colour;
    ctx.fillRect(bbox.left, top, bbox.width, Math.max(2, bottom - top));
    ctx.globalAlpha = 1;
  }
  if (baseline !== null) stroke(plot, colour, [2, 4], [[bbox.left, plot.valToPos(baseline, "y", true)], [bbox.left + bbox.width, plot.valToPos(baseline, "y", true)]]);
  ctx.restore();
}

/** Fan of a forecast: the interval filled, the most probable course as a line. */
function fan(plot: uPlot, given: Fan | null, colour: string): void {
  if (!given) return;
  const { ctx, bbox } = plot;
  const at = (time_s: number, value: number): [number, number] => [plot.valToPos(time_s, "x", true), plot.valToPos(value, "y", true)];
  const start = at(given.from_s, given.value);
  const [low, most] = [at(given.low_s, given.limit), at(given.at_s, given.limit)];
  const high = given.high_s === null ? [bbox.left + bbox.width, most[1]] as const : at(given.high_s, given.limit);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.22;
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.moveTo(...start);
  ctx.lineTo(...low);
  ctx.lineTo(...high);
  ctx.closePath();
  ctx.fill();
  ctx.globalAlpha = 1;
  stroke(plot, colour, [], [start, most]);
  stroke(plot, colour, [], [low, [high[0], high[1]]], 4);
  ctx.restore();
}

function stroke(plot: uPlot, colour: string, dash: number[], [first, ...rest]: [number, number][], width = 1.5): void {
  const { ctx } = plot;
  if (!first) return;
  ctx.strokeStyle = colour;
  ctx.lineWidth = width * devicePixelRatio;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(...first);
  for (const point of rest) ctx.lineTo(...point);
  ctx.stroke();
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
