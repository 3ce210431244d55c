/** Tones of alarms, of a drill and of a page that is not live. One tab of a browser sounds at a time. */
import type { Colour } from "../api/types";

/** frequency in Hz, repeats of one ring, seconds between rings while the alarm waits */
const TONES: Record<Colour, [number, number, number]> = { red: [880, 3, 4], orange: [740, 2, 6], yellow: [590, 1, 20], blue: [440, 1, 60] };
const LOST_EVERY_S = 5;
const SLACK_MS = 1500; // a timer of the page may be late
const STORED = "twinward.sound";
const TESTED = "twinward.sound.tested";
const TEST_STEP_S = 1.2;

class Sound {
  /** Whether the person wants sound. Off only by choice. */
  wanted = $state(localStorage.getItem(STORED) !== "off");
  /** Whether the browser plays: it refuses until a first click or key on the page. */
  #running = $state(false);
  /** Time of the last test that the browser played, null before the first one. */
  testedAt = $state<number | null>(Number(localStorage.getItem(TESTED)) || null);
  #context: AudioContext | undefined;
  #rung_ms: Record<string, number> = {};
  #mine_ms = 0;
  #tabs = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("twinward.sound");

  constructor() {
    for (const kind of ["pointerdown", "keydown"] as const) addEventListener(kind, (event) => this.#arm(event), { capture: true });
    if (this.#tabs) this.#tabs.onmessage = (message: MessageEvent<string>) => (this.#rung_ms[message.data] = Date.now());
    if (this.wanted) this.#start();
  }

  /** Whether alarms are audible now. */
  get on(): boolean {
    return this.wanted && this.#running;
  }

  /** Switch on with a short proof tone, or off. */
  toggle(): void {
    this.wanted = !this.on;
    localStorage.setItem(STORED, this.wanted ? "on" : "off");
    if (!this.wanted) return;
    this.#start();
    if (typeof Notification !== "undefined" && Notification.permission === "default") void Notification.requestPermission();
    void this.#context?.resume().then(() => this.#play([[660, 0], [880, 0.15]]));
  }

  /** Play the tone of each grade, the lowest first, and record the time. */
  test(): void {
    if (!this.on) return;
    Object.values(TONES)
      .reverse()
      .forEach(([frequency, repeats], nth) => this.#play(Array.from({ length: repeats }, (_, index) => [frequency, nth * TEST_STEP_S + index * 0.35])));
    this.testedAt = Date.now();
    localStorage.setItem(TESTED, String(this.testedAt));
  }

  /** Play the tone of the gravest hazard that waits; called every second and with each event. Returns whether this tab plays it. */
  ring(grade: Colour): boolean {
    const [frequency, repeats, every_s] = TONES[grade];
    if (this.#due("alarm", every_s)) {
      this.#play(Array.from({ length: repeats }, (_, index) => [frequency, index * 0.35]));
      this.#mine_ms = Date.now();
    }
    return this.on && Date.now() - this.#mine_ms < every_s * 1000 + SLACK_MS;
  }
  /** Sound once for a drill: two soft low tones, unlike an alarm. */
  drill(): void {
    if (this.#due("drill", 1)) this.#play([[330, 0], [330, 0.5]], 0.06, "sine");
  }
  /** Sound for a page that is not live: a falling pair, unlike an alarm. */
  lost(): void {
    if (this.#due("lost", LOST_EVERY_S)) this.#play([[392, 0], [262, 0.3]], 0.12, "triangle");
  }
  /** Let the next hazard ring at once, not after the pause of the last one. */
  renew(): void {
    this.#rung_ms["alarm"] = 0;
  }

  /** Return whether this tone is due and this tab plays it; the other tabs then stay quiet. */
  #due(tone: string, every_s: number): boolean {
    if (!this.on || Date.now() - (this.#rung_ms[tone] ?? 0) < every_s * 1000 - 50) return false;
    this.#rung_ms[tone] = Date.now();
    this.#tabs?.postMessage(tone);
    return true;
  }
  #arm(event: Event): void {
    if (!this.wanted || this.#running || (event.target as Element | null)?.closest?.("[data-testid=sound]")) return;
    this.#start();
    void this.#context?.resume();
  }
  #start(): void {
    if (this.#context || typeof AudioContext === "undefined") return;
    const context = (this.#context = new AudioContext());
    const note = (): void => void (this.#running = context.state === "running");
    context.onstatechange = note;
    note();
  }
  #play(notes: [number, number][], volume = 0.15, type: OscillatorType = "sine"): void {
    const audio = this.#context;
    if (!audio) return;
    for (const [frequency, after_s] of notes) {
      const at = audio.currentTime + after_s;
      const oscillator = audio.createOscillator();
      const gain = audio.createGain();
      oscillator.type = type;
      oscillator.frequency.value = frequency;
      gain.gain.setValueAtTime(volume, at);
      gain.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
      oscillator.connect(gain).connect(audio.destination);
      oscillator.start(at);
      oscillator.stop(at + 0.3);
    }
  }
}

export const sound = new Sound();
