import { ApiError } from "../api/client";
import { say, t } from "./words.svelte";

/** Text about a request that the service refused; any other error is thrown again. */
export function failure(error: unknown): string {
  if (!(error instanceof ApiError)) throw error;
  return `${t("failed")}${t("colon")}${say(error.both) || error.message}`;
}
