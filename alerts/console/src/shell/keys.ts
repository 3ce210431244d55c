/** Screens in the order of their number keys, and the check for keys typed into a field. */
export const SCREENS = ["hazards", "tickets", "sensors", "plan", "accounting", "detectors", "dangers"] as const;

/** Return whether a key press belongs to something else: a field, a dialog, the browser, or a covered page. */
export function elsewhere(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open], [data-cover]") !== null;
}

export function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
