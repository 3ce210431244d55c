/** Forecasts in words: countdown, interval, and the share of past intervals that held. */
import type { Forecast } from "../api/types";
import { quantity } from "../metrics";
import { clock, countdown } from "../times";
import { t } from "../words/words.svelte";

/** Return whether the most probable time is still ahead. */
export const ahead = (forecast: Forecast, now_ms: number): boolean => Date.parse(forecast.at ?? "") > now_ms;

/** Return the time to the limit, such as "42 min". */
export const remaining = (at: string | null, now_ms: number): string => {
  const left_s = (Date.parse(at ?? "") - now_ms) / 1000;
  return Number.isNaN(left_s) ? t("openEnd") : left_s <= 0 ? t("present") : countdown(left_s);
};

/** Return limit, time and interval; clock times once the most probable time has passed. */
export function arrival(forecast: Forecast, unit: string, now_ms: number): string {
  const coming = ahead(forecast, now_ms);
  const shown = (at: string | null): string => (coming ? remaining(at, now_ms) : at ? clock(at) : t("openEnd"));
  return t(coming ? "forecastIn" : "forecastDue", {
    limit: quantity(forecast.limit, unit),
    at: shown(forecast.at),
    low: shown(forecast.low ?? forecast.issued),
    high: shown(forecast.high),
    share: Math.round(forecast.share * 100),
  });
}

/** Return how many past intervals held. */
export const record = (forecast: Forecast): string =>
  forecast.of > 0 ? t("forecastHeld", { held: forecast.held, of: forecast.of }) : t("forecastUnchecked");
