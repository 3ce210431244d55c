/** Screens in the order of their number keys, and the check for keys typed into a field. */
export const SCREENS = ["hazards", "tickets", "sensors", "plan", "accounting"] as const;

export function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
