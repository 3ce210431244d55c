/** New alarms outside the page: tone, voice, notification of the browser. */
import { COLOURS } from "../grades";
import { both } from "../words/words.svelte";
import { alarms } from "./alarms.svelte";
import { headline } from "./sentence";
import { sound } from "./sound.svelte";
import { voice } from "./voice.svelte";
import type { Hazard } from "../api/types";

class Announcements {
  #announced = new Set<string>();

  /** Play the tone of the gravest alarm that waits; called every second. */
  ring(): void {
    const waiting = alarms.waiting.filter((one) => one.paged);
    const grade = COLOURS.find((colour) => [...waiting, ...alarms.unstored].some((one) => one.grade === colour));
    if (!grade) return voice.stop();
    const rings = sound.ring(grade); // one tab of the browser uses the voice
    const first = waiting.find((one) => one.grade === grade);
    if (first && rings) voice.repeat(first.id, sentence(first));
  }

  /** Announce alarms that are new since the last call. */
  update(): void {
    if (!alarms.loaded) return;
    const audible = [...alarms.waiting.filter((one) => one.paged), ...alarms.drills];
    const fresh = audible.filter((one) => !this.#announced.has(one.id));
    this.#announced = new Set(audible.map((one) => one.id));
    const real = fresh.filter((one) => !one.drill);
    if (real.length) sound.renew();
    else if (fresh.length) sound.drill();
    for (const one of real) notify(one);
  }
}

/** Return the sentence of an alarm in both languages. */
const sentence = (hazard: Hazard): { zh: string; en: string } => both(() => headline(hazard));

/** Show a notification of the browser while the page is hidden. */
function notify(hazard: Hazard): void {
  if (typeof Notification === "undefined" || Notification.permission !== "granted" || document.visibilityState === "visible") return;
  const shown = new Notification(headline(hazard), { tag: `page-${hazard.id}`, requireInteraction: hazard.grade === "red" });
  shown.onclick = () => window.focus();
}

export const announcements = new Announcements();
