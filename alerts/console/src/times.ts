/** Times in the time zone of the school; never in that of the browser. */
import { language } from "./words/words.svelte";

interface Parts {
  year: string;
  month: string;
  day: string;
  hour: string;
  minute: string;
  second: string;
}

let zone: string | undefined; // of the browser until a school is known
let format = formatOf(zone);

function formatOf(name: string | undefined): Intl.DateTimeFormat {
  const two = "2-digit";
  return new Intl.DateTimeFormat("en-GB", { timeZone: name, hourCycle: "h23", year: "numeric", month: two, day: two, hour: two, minute: two, second: two });
}

/** Set the time zone of the school. */
export function setZone(name: string | undefined): void {
  if (!name || name === zone) return;
  zone = name;
  format = formatOf(zone);
}

/** Return the name of the zone, such as "Asia/Shanghai". */
export const zoneName = (): string => format.resolvedOptions().timeZone;

export function clock(at: string | number | null | undefined): string {
  const parts = parse(at);
  return parts ? `${parts.hour}:${parts.minute}:${parts.second}` : "–";
}

export function stamp(at: string | number | null | undefined): string {
  const parts = parse(at);
  return parts ? `${parts.year}-${parts.month}-${parts.day} ${clock(at)}` : "–";
}

/** Return month, day, hour and minute. */
export function brief(at: string | number | null | undefined): string {
  const parts = parse(at);
  return parts ? `${parts.month}-${parts.day} ${parts.hour}:${parts.minute}` : "–";
}

/** Return hour and minute. */
export function minutes(at: string | number | null | undefined): string {
  return clock(at).slice(0, 5);
}

/** Return the date, such as "2026-09-21". */
export function day(at: string | number | null | undefined): string {
  return stamp(at).slice(0, 10);
}

/** Return the instant of a date and time of the school, such as "2026-12-01T18:00"; a text that is none stays. */
export function instant(local: string): string {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return local;
  let at = wanted;
  for (let nth = 0; nth < 2; nth += 1) at += wanted - Date.parse(`${stamp(at).replace(" ", "T")}Z`); // twice: a change of the clocks
  return new Date(at).toISOString();
}

/** Return the whole hours since the last Friday 17:00 of the school, at least 1. */
export function hoursSinceFriday(now: number): number {
  const hour_ms = 3_600_000;
  const isFriday = (at: number): boolean => new Date(`${day(at)}T00:00Z`).getUTCDay() === 5;
  for (let hours = 1; hours <= 7 * 24; hours += 1) {
    const at = now - hours * hour_ms;
    if (minutes(at).startsWith("17") && isFriday(at)) return hours;
  }
  return 1;
}

/** Return the duration since a time, in the largest unit that fits. */
export function since(at: string | null | undefined, now: number): string {
  const begin = Date.parse(at ?? "");
  return Number.isNaN(begin) ? "–" : span(Math.max(0, (now - begin) / 1000));
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

/** Return a duration in one or two units, such as "2 h 5 min". */
export function countdown(seconds: number): string {
  const zh = language() === "zh";
  const minutes = Math.round(seconds / 60);
  const parts = (big: number, small: number, units: [string, string]): string => `${big} ${units[0]}${small ? ` ${small} ${units[1]}` : ""}`;
  if (seconds < 90) return `${Math.round(seconds)} ${zh ? "秒" : "s"}`;
  if (minutes < 100) return `${minutes} ${zh ? "分钟" : "min"}`;
  if (minutes < 2880) return parts(Math.floor(minutes / 60), minutes % 60, zh ? ["小时", "分"] : ["h", "min"]);
  return parts(Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), zh ? ["天", "小时"] : ["d", "h"]);
}

function parse(at: string | number | null | undefined): Parts | null {
  const time = at === null || at === undefined ? NaN : new Date(at).getTime();
  if (Number.isNaN(time)) return null;
  return Object.fromEntries(format.formatToParts(time).map((part) => [part.type, part.value])) as unknown as Parts;
}
