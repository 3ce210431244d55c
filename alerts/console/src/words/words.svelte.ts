/** Selected language, and the texts of the console in it. */
import type { Both } from "../api/types";
import { en } from "./en";
import { zh } from "./zh";

export type Language = "zh" | "en";
export type Word = keyof typeof zh;
const KEPT = "twinward.language";

let chosen = $state<Language>(first());

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** Language of texts made for a voice, null for those of the page. */
let speaking: Language | null = null;

export const language = (): Language => speaking ?? chosen;

export function switchLanguage(): void {
  chosen = chosen === "zh" ? "en" : "zh";
  localStorage.setItem(KEPT, chosen);
}

/** Return the text of a key, with each `{name}` replaced. */
export function t(key: Word, fill: Record<string, string | number> = {}): string {
  const text = (language() === "zh" ? zh : en)[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(fill[name] ?? whole));
}

/** Return a text in both languages. */
export function both(text: () => string): { zh: string; en: string } {
  const before = speaking;
  const found = { zh: "", en: "" };
  for (const one of ["zh", "en"] as const) {
    speaking = one;
    found[one] = text();
  }
  speaking = before;
  return found;
}

/** Return the text of a code of the service, such as `grade_red`; the bare code if it has none. */
export function coded(group: string, code: string): string {
  const key = `${group}_${code}`;
  return key in zh ? t(key as Word) : code;
}

/** Return a text of the service in the selected language. */
export function say(both: Both | Record<string, string> | string | null | undefined): string {
  if (both === null || both === undefined) return "";
  return typeof both === "string" ? both : both[language()] || both["zh"] || both["en"] || "";
}
