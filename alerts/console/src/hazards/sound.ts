/** One short tone for a new hazard, higher and repeated for graver grades. Off by default. */
import type { Colour } from "../api/types";

const TONES: Record<Colour, [number, number]> = { red: [880, 3], orange: [740, 2], yellow: [590, 1], blue: [440, 1] };
let context: AudioContext | undefined;

export function ring(grade: Colour): void {
  context ??= new AudioContext();
  const [frequency, repeats] = TONES[grade];
  for (let index = 0; index < repeats; index++) tone(context, frequency, context.currentTime + index * 0.35);
}

function tone(audio: AudioContext, frequency: number, at: number): void {
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0.15, at);
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.3);
}
