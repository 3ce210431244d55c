/** Columns of the board in the order of the closed loop. */
import type { Word } from "../words/words.svelte";

export interface Stage {
  word: Word;
  states: string[];
}

export const STAGES: Stage[] = [
  { word: "column_new", states: ["found", "registered", "graded"] },
  { word: "column_assigned", states: ["assigned"] },
  { word: "column_rectifying", states: ["taken", "rectifying"] },
  { word: "column_review", states: ["submitted", "in_review"] },
  { word: "column_observing", states: ["observing"] },
];
export const CLOSED: Stage = { word: "column_closed", states: ["closed", "false_report", "merged"] };
