import { ApiError } from "../api/client";
import { say, t } from "./words.svelte";

/** Text about a request that the service refused; any other error is thrown again. */
export function failure(error: unknown): string {
  if (!(error instanceof ApiError)) throw error;
  return `${t("failed")}${t("colon")}${say(error.both) || error.message}`;
}

/** Texts of the wrong fields of a refused request, in the language of the page. */
export const wrongFields = (error: ApiError): string => error.fields.map((one) => `${one.path}${t("colon")}${say(one.text) || one.message}`).join("; ");

/** Run the work; return the text about its failure with the wrong fields, "" after success. */
export async function attempted(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "";
  } catch (error) {
    const fields = error instanceof ApiError ? wrongFields(error) : "";
    return fields ? `${failure(error)} ${fields}` : failure(error);
  }
}
