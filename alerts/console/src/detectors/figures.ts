/** Score sheet and lead time of a detector in words. */
import type { Detector } from "../api/types";
import { countdown } from "../times";
import { t } from "../words/words.svelte";

/** Return how many figures of the sheet passed; "not measured" without a sheet. */
export function passed(detector: Detector): string {
  const graded = detector.sheet.filter((one) => one.passed !== null);
  if (!graded.length) return t("sheetNone");
  return t("sheetPassed", { n: graded.filter((one) => one.passed).length, of: graded.length });
}

/** Return median and tenth percentile of the lead time. */
export const lead = (detector: Pick<Detector, "lead">): string =>
  detector.lead ? t("leadIs", { median: countdown(detector.lead.median_s), p10: countdown(detector.lead.p10_s), n: detector.lead.n }) : t("sheetNone");
