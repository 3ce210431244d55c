/** The four grades: number, colour, shape. Colour is never the only sign. */
import type { Colour } from "./api/types";

export const NUMBER: Record<Colour, 1 | 2 | 3 | 4> = { red: 1, orange: 2, yellow: 3, blue: 4 };
export const COLOURS: Colour[] = ["red", "orange", "yellow", "blue"];

/** Outline of each grade in a 24 x 24 box: octagon, triangle, diamond, square. */
export const OUTLINE: Record<Colour, string> = {
  red: "M8 2h8l6 6v8l-6 6H8l-6-6V8z",
  orange: "M12 1.5 23 21.5H1z",
  yellow: "M12 1 23 12 12 23 1 12z",
  blue: "M4 4h16v16H4z",
};

/** Outline of each kind of sensor in a 24 x 24 box. */
export const KIND_OUTLINE: Record<string, string> = {
  smoke: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  gate: "M4 4h16v16H4z",
  water: "M12 2c4 6 7 8.5 7 13a7 7 0 0 1-14 0c0-4.5 3-7 7-13z",
  camera: "M12 2 22 12 12 22 2 12z",
  env: "M7 3h10l5 9-5 9H7l-5-9z",
  device: "M9 3h6v6h6v6h-6v6H9v-6H3V9h6z",
};
