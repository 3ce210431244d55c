/** Drawing of a plan: zones, names, sprites of sensors, clusters. One call draws one frame. */
import type { Colour, Sensor, Zone } from "../api/types";
import { KIND_OUTLINE, NUMBER } from "../grades";
import type { Mark } from "./marks";
import { upperEdge } from "./places";
import { screen, type View, type Xy } from "./view";

const FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", system-ui, sans-serif';
const FAINT = 0.35;
const MARK_PX = 16;
const URGENT_PX = 26;
const BLIND_PX = 34;
const CLUSTER_PX = 15; // radius
const NAME_LEAST_PX = 34; // a zone narrower than this shows its number alone

/** Colours of the theme, read from the tokens of the page. */
export interface Colours extends Record<Colour, string> {
  ground: string;
  panel: string;
  raised: string;
  line: string;
  text: string;
  quiet: string;
  drill: string;
}

export function coloursOf(style: CSSStyleDeclaration): Colours {
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ground: of("ground"), panel: of("panel"), raised: of("raised"), line: of("line"), text: of("text"), quiet: of("quiet"),
    drill: of("drill"), red: of("red"), orange: of("orange"), yellow: of("yellow"), blue: of("blue"),
  }; // prettier-ignore
}

/** Everything that a frame shows. */
export interface Scene {
  zones: Zone[];
  /** Name of each zone in the language of the page. */
  names: Map<string, string>;
  marks: Mark[];
  size: Xy | null;
  /** Zone of the alarm that is shown; the others are faint. */
  lit: string | null;
  /** Position of the room of that alarm. */
  room: Xy | null;
  risks: boolean;
  /** Positions of rooms without a working detector; the chosen one has a ring. */
  blind: { xy: Xy; chosen: boolean }[];
  /** Sensor that the keyboard or the pointer has chosen. */
  chosen: string;
  /** Time to the limit of each sensor with a forecast. */
  countdowns: Map<string, string>;
}

export class Painter {
  #sprites = new Map<string, HTMLCanvasElement>();

  constructor(
    readonly context: CanvasRenderingContext2D,
    readonly colours: Colours,
    readonly ratio: number,
  ) {}

  draw(scene: Scene, view: View, width: number, height: number): void {
    const { context } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (scene.size) this.#edge(scene.size, view);
    for (const zone of scene.zones) if (zone.polygon.length) this.#zone(zone, scene, view);
    for (const room of scene.blind) this.#blind(screen(view, room.xy), room.chosen, width, height);
    if (scene.room) this.#room(screen(view, scene.room));
    for (const mark of scene.marks) {
      const [x, y] = screen(view, mark.xy);
      if (x > -URGENT_PX - 200 && y > -URGENT_PX && x < width + URGENT_PX + 200 && y < height + URGENT_PX) this.#mark(mark, x + mark.aside_px, y, scene);
    }
    context.globalAlpha = 1;
    for (const zone of scene.zones) if (zone.polygon.length) this.#name(zone, scene, view);
  }

  #edge(size: Xy, view: View): void {
    const [left, top] = screen(view, [0, size[1]]);
    this.context.globalAlpha = 1;
    this.context.lineWidth = 1;
    this.context.strokeStyle = this.colours.line;
    this.context.strokeRect(left, top, size[0] * view.scale, size[1] * view.scale);
  }

  #zone(zone: Zone, scene: Scene, view: View): void {
    const { context, colours } = this;
    const [lit, faint] = [scene.lit === zone.id, scene.lit !== null && scene.lit !== zone.id];
    outline(context, zone.polygon, view);
    const risk = scene.risks ? (zone.grade ?? null) : null;
    context.globalAlpha = faint ? 0.08 : 0.26;
    context.fillStyle = risk ? colours[risk] : colours.line;
    context.fill();
    context.globalAlpha = faint ? FAINT : 1;
    context.strokeStyle = lit ? colours.text : colours.quiet;
    context.lineWidth = lit ? 3 : 1;
    context.stroke();
  }

  #room([x, y]: Xy): void {
    const { context, colours } = this;
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.strokeStyle = colours.text;
    context.beginPath();
    context.arc(x, y, URGENT_PX, 0, 2 * Math.PI);
    context.stroke();
  }

  /** Draw a room without a working detector: a hatched square below the marks of its sensors. */
  #blind([x, y]: Xy, chosen: boolean, width: number, height: number): void {
    if (x < -BLIND_PX || y < -BLIND_PX || x > width + BLIND_PX || y > height + BLIND_PX) return;
    this.context.globalAlpha = 1;
    this.context.drawImage(this.#hatched(), x - BLIND_PX / 2, y - BLIND_PX / 2, BLIND_PX, BLIND_PX);
    if (chosen) this.#ring(x, y);
  }

  #hatched(): HTMLCanvasElement {
    return this.#drawn("blind", BLIND_PX, (context, size) => {
      context.strokeStyle = this.colours.text;
      context.lineWidth = 1.25;
      context.beginPath();
      for (let from = -size; from < size; from += 6) {
        context.moveTo(from, size);
        context.lineTo(from + size, 0);
      }
      context.stroke();
      context.lineWidth = 2;
      context.setLineDash([5, 3]);
      context.strokeRect(1, 1, size - 2, size - 2);
    });
  }

  #name(zone: Zone, scene: Scene, view: View): void {
    const { context, colours } = this;
    const [x, y] = screen(view, upperEdge(zone.polygon));
    const risk = scene.risks ? (zone.grade ?? null) : null;
    const wide = Math.max(...zone.polygon.map(([at]) => at)) - Math.min(...zone.polygon.map(([at]) => at));
    const name = wide * view.scale < NAME_LEAST_PX ? "" : (scene.names.get(zone.id) ?? "");
    const text = `${risk ? `${NUMBER[risk]} ` : ""}${name}`;
    if (!text) return;
    context.globalAlpha = scene.lit !== null && scene.lit !== zone.id ? FAINT : 1;
    context.font = `${scene.lit === zone.id ? 600 : 400} 13px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.lineJoin = "round";
    context.lineWidth = 4;
    context.strokeStyle = colours.panel;
    context.strokeText(text, x, y - 3);
    context.fillStyle = colours.text;
    context.fillText(text, x, y - 3);
  }

  #mark(mark: Mark, x: number, y: number, scene: Scene): void {
    const { context } = this;
    const [first] = mark.spots;
    if (!first) return;
    const faint = scene.lit !== null && first.sensor.zone !== scene.lit && first.sensor.state !== "hazard";
    context.globalAlpha = faint ? FAINT : 1;
    const sprite = mark.spots.length > 1 ? this.#cluster(mark) : this.#sprite(first.sensor);
    const size = sprite.width / this.ratio;
    context.drawImage(sprite, x - size / 2, y - size / 2, size, size);
    if (mark.spots.length > 1) return;
    if (first.sensor.id === scene.chosen) this.#ring(x, y);
    const countdown = scene.countdowns.get(first.sensor.id);
    if (countdown) this.#label(countdown, x, y + size / 2);
  }

  #ring(x: number, y: number): void {
    const { context, colours } = this;
    context.lineWidth = 3;
    context.strokeStyle = colours.text;
    context.beginPath();
    context.arc(x, y, URGENT_PX / 2 + 5, 0, 2 * Math.PI);
    context.stroke();
  }

  #label(text: string, x: number, y: number): void {
    const { context, colours } = this;
    context.font = `600 12px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "top";
    const width = context.measureText(text).width + 8;
    context.fillStyle = colours.raised;
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.beginPath();
    context.roundRect(x - width / 2, y, width, 18, 4);
    context.fill();
    context.stroke();
    context.fillStyle = colours.text;
    context.fillText(text, x, y + 3);
  }

  /** Return the sprite of a sensor by kind, state and grade, drawn once. */
  #sprite(sensor: Sensor): HTMLCanvasElement {
    const grade = sensor.state === "hazard" ? (sensor.grade ?? "orange") : "";
    return this.#drawn(`${sensor.kind} ${sensor.state} ${grade}`, grade || sensor.state === "drill" ? URGENT_PX : MARK_PX, (context, size) => {
      const { colours } = this;
      context.scale(size / 24, size / 24);
      const path = new Path2D(KIND_OUTLINE[sensor.kind] ?? KIND_OUTLINE["device"] ?? "");
      const quiet = sensor.state === "silent" || sensor.state === "removed" || sensor.state === "unknown";
      context.fillStyle = grade ? colours[grade] : quiet ? colours.ground : colours.raised;
      context.fill(path);
      context.lineWidth = sensor.state === "drill" ? 3 : grade ? 1.5 : 2;
      context.strokeStyle = sensor.state === "drill" ? colours.drill : grade ? colours.text : colours.quiet;
      if (sensor.state === "drill") context.setLineDash([4, 3]);
      else if (quiet) context.setLineDash([3, 2.5]);
      context.stroke(path);
    });
  }

  /** Return the sprite of a cluster: number of sensors, dashed if one of them has no data. */
  #cluster(mark: Mark): HTMLCanvasElement {
    const missing = mark.spots.some(({ sensor }) => sensor.state === "silent");
    const count = mark.spots.length;
    return this.#drawn(`cluster ${count} ${missing}`, 2 * CLUSTER_PX + 2, (context, size) => {
      const { colours } = this;
      context.beginPath();
      context.arc(size / 2, size / 2, CLUSTER_PX, 0, 2 * Math.PI);
      context.fillStyle = colours.raised;
      context.fill();
      context.lineWidth = missing ? 2.5 : 1.5;
      context.strokeStyle = colours.quiet;
      if (missing) context.setLineDash([4, 3]);
      context.stroke();
      context.fillStyle = colours.text;
      context.font = `600 ${count > 999 ? 10 : 12}px ${FONT}`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(String(count), size / 2, size / 2 + 0.5);
    });
  }

  #drawn(key: string, size_px: number, paint: (context: CanvasRenderingContext2D, size: number) => void): HTMLCanvasElement {
    const known = this.#sprites.get(key);
    if (known) return known;
    const sprite = document.createElement("canvas");
    sprite.width = sprite.height = Math.ceil(size_px * this.ratio);
    const context = sprite.getContext("2d");
    context?.scale(this.ratio, this.ratio);
    if (context) paint(context, size_px);
    this.#sprites.set(key, sprite);
    return sprite;
  }
}

function outline(context: CanvasRenderingContext2D, polygon: Xy[], view: View): void {
  context.beginPath();
  polygon.forEach((corner, nth) => {
    const [x, y] = screen(view, corner);
    if (nth === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.closePath();
}
