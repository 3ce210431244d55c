/** Columns of the board in the order of the closed loop. */
import type { Word } from "../words/words.svelte";

export interface Stage {
  word: Word;
  states: string[];
}

export const STAGES: Stage[] = [
  { word: "column_new", states: ["found", "registered", "graded", "reopened", "relapsed"] },
  { word: "column_assigned", states: ["assigned", "transferred"] },
  { word: "column_rectifying", states: ["taken", "rectifying", "extension", "supervised"] },
  { word: "column_review", states: ["submitted", "in_review"] },
  { word: "column_observing", states: ["accepted", "observing"] },
];
export const CLOSED: Stage = { word: "column_closed", states: ["closed", "false_report", "merged"] };
