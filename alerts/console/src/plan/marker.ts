/** Marks on the plan, built as elements so that names stay text. */
import type { Sensor } from "../api/types";
import { KIND_OUTLINE } from "../grades";

const SVG = "http://www.w3.org/2000/svg";

export function sensorShape(sensor: Sensor): HTMLElement {
  const holder = document.createElement("span");
  holder.className = `shape ${sensor.state} ${sensor.state === "hazard" ? (sensor.grade ?? "orange") : ""}`;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", KIND_OUTLINE[sensor.kind] ?? KIND_OUTLINE["device"] ?? "");
  svg.append(path);
  holder.append(svg);
  return holder;
}

export function zoneLabel(number: number | null, name: string): HTMLElement {
  const holder = document.createElement("span");
  holder.className = "zone";
  const strong = document.createElement("b");
  strong.textContent = number === null ? "" : String(number);
  holder.append(strong, name);
  return holder;
}
