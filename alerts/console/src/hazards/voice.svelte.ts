/** Alarms by the speech synthesis of the browser, in the language of the page, else in the other one. */
import { language, say } from "../words/words.svelte";
import type { Both } from "../api/types";

const EVERY_MS = 10_000;

class Voice {
  /** Languages with a local voice. */
  languages = $state<("zh" | "en")[]>([]);
  #spoken_ms: Record<string, number> = {};

  constructor() {
    if (typeof speechSynthesis === "undefined") return;
    this.#find();
    speechSynthesis.addEventListener?.("voiceschanged", () => this.#find());
  }

  /** Language of the voice, null without one. */
  get language(): "zh" | "en" | null {
    return this.languages.includes(language()) ? language() : (this.languages[0] ?? null);
  }

  /** Play the sentence of an alarm at once, then every 10 s; called every second while the alarm waits. */
  repeat(id: string, sentence: Both): void {
    if (Date.now() - (this.#spoken_ms[id] ?? 0) < EVERY_MS - 50) return;
    this.#spoken_ms = { [id]: Date.now() };
    this.speak(sentence);
  }

  speak(sentence: Both): void {
    const spoken = this.language;
    if (!spoken) return;
    const utterance = new SpeechSynthesisUtterance(sentence[spoken] || say(sentence));
    const voice = this.#voices(spoken)[0];
    if (voice) utterance.voice = voice;
    utterance.lang = spoken === "zh" ? "zh-CN" : "en-GB";
    speechSynthesis.cancel();
    speechSynthesis.speak(utterance);
  }

  stop(): void {
    if (Object.keys(this.#spoken_ms).length === 0) return;
    this.#spoken_ms = {};
    if (typeof speechSynthesis !== "undefined") speechSynthesis.cancel();
  }

  #voices(wanted: "zh" | "en"): SpeechSynthesisVoice[] {
    return speechSynthesis.getVoices().filter((one) => one.lang.toLowerCase().startsWith(wanted) && one.localService);
  }
  #find(): void {
    this.languages = (["zh", "en"] as const).filter((one) => this.#voices(one).length > 0);
  }
}

export const voice = new Voice();
