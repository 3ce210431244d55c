/** Times in the time zone of this computer. */
import { language } from "./words/words.svelte";

const two = (value: number): string => String(value).padStart(2, "0");

export function clock(at: string | number | null | undefined): string {
  const date = parse(at);
  return date ? `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}` : "–";
}

export function stamp(at: string | number | null | undefined): string {
  const date = parse(at);
  return date ? `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(at)}` : "–";
}

/** Return month, day, hour and minute. */
export function brief(at: string | number | null | undefined): string {
  const date = parse(at);
  return date ? `${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}` : "–";
}

/** Return the duration since a time, in the largest unit that fits. */
export function since(at: string | null | undefined, now: number): string {
  const date = parse(at);
  if (!date) return "–";
  return span(Math.max(0, (now - date.getTime()) / 1000));
}

export function span(seconds: number): string {
  const units: [number, string, string][] = [
    [86_400, "天", "d"],
    [3600, "小时", "h"],
    [60, "分钟", "min"],
    [1, "秒", "s"],
  ];
  for (const [size, zh, en] of units)
    if (seconds >= size || size === 1) return `${Math.floor(seconds / size)} ${language() === "zh" ? zh : en}`;
  return "";
}

function parse(at: string | number | null | undefined): Date | null {
  if (at === null || at === undefined) return null;
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : date;
}
