/** Inspections on a phone without network: copies of open sheets, entries that wait, a sheet with both. */
import { get } from "../api/client";
import type { Both, EntryBody, InspectionBody, InspectionSheet, Outcomes } from "../api/types";
import { deviceTime, freshId, type Tick } from "../inspections/submit";
import { stamp } from "../times";
import { both, t, type Word } from "../words/words.svelte";
import { readOrCopy, type Copy } from "./kept";
import { outbox, refusesBy, type Entry } from "./outbox.svelte";

const LISTED_MAX = 50;
const SHEETS_MAX = 10;
const OPEN = ["planned", "running"];
const RESULT: Record<string, Word> = { ok: "inspectionOk", not_ok: "inspectionNotOk", not_applicable: "inspectionNa" };

/** An entry as it is sent. */
interface Sent extends Tick {
  id: string;
  at: string;
}

export const sheetName = (site: string, id: string): string => ["inspection", site, id].map(encodeURIComponent).join("/");
export const readSheet = (owner: string, site: string, id: string): Promise<Copy<InspectionSheet>> =>
  readOrCopy(owner, sheetName(site, id), () => get<InspectionSheet>(`inspections/${encodeURIComponent(site)}/${encodeURIComponent(id)}`));

/** Return the inspections and rounds that are planned or running, the newest window first, or their copies. */
export const readOpen = (owner: string): Promise<Copy<InspectionBody[]>> =>
  readOrCopy(owner, "inspections", async () => (await get<{ items: InspectionBody[] }>("inspections", { limit: LISTED_MAX })).items.filter((one) => OPEN.includes(one.state)).slice(0, SHEETS_MAX));

/** Return the subject of the entries of an item, a stop or the whole inspection: a refused one holds no other item. */
export const subjectOf = (site: string, id: string, tick: Pick<Tick, "stop" | "item">): string => [sheetName(site, id), tick.stop ?? "", tick.item ?? ""].join("/");
export const entriesOf = (site: string, id: string): Entry[] => outbox.entries.filter((one) => one.subject.startsWith(`${sheetName(site, id)}/`));

/** Return site and id of the inspection that an entry belongs to, null for an entry of a ticket. */
export function inspectionOf(entry: Entry): { site: string; id: string } | null {
  const [kind, site = "", id = ""] = entry.subject.split("/");
  return kind === "inspection" ? { site: decodeURIComponent(site), id: decodeURIComponent(id) } : null;
}

/** Add an entry to the outbox and send it if the network is there; return its id. title: of its item or stop. */
export async function queue(site: string, id: string, tick: Tick, title: Both): Promise<string> {
  const sent: Sent = { id: freshId("e"), at: deviceTime(), ...tick };
  const path = `inspections/${encodeURIComponent(site)}/${encodeURIComponent(id)}/entries`;
  const word = RESULT[tick.result ?? ""] ?? (tick.type === "end" ? "inspectionDone" : tick.code ? "inspectionCheckedIn" : "inspectionCheckIn");
  const name = both(() => t(word));
  const text = { zh: `${title.zh}：${name.zh}`, en: `${title.en || title.zh}: ${name.en}` };
  await outbox.add({ kind: "inspection", subject: subjectOf(site, id, tick), title: text, method: "POST", path, body: { entries: [sent] } });
  await outbox.sync();
  return sent.id;
}

const tickOf = (entry: Pick<Entry, "body">): Sent | undefined => (entry.body as { entries: Sent[] } | undefined)?.entries[0];

/** Return a sheet with the waiting entries of this phone. Figures and state stay those of the service. */
export function withEntries(sheet: InspectionSheet, entries: Entry[]): InspectionSheet {
  const waiting = entries.filter((one) => one.kind === "inspection" && one.state === "waiting");
  const of = (type: string, stop: string, item = ""): EntryBody | null => {
    const found = waiting.filter((one) => tickOf(one)?.type === type && tickOf(one)?.stop === stop && (tickOf(one)?.item ?? "") === item).at(-1);
    return found ? pending(sheet, found) : null;
  };
  const stops = sheet.stops.map((stop) => ({
    ...stop,
    check_in: of("check_in", stop.stop) ?? stop.check_in,
    items: stop.items.map((item) => {
      const entry = of("item", stop.stop, item.item);
      return entry ? { ...item, state: entry.result as typeof item.state, entry } : item;
    }),
  }));
  return { ...sheet, stops };
}

function pending(sheet: InspectionSheet, entry: Entry): EntryBody {
  const tick = tickOf(entry) as Sent;
  const at = Date.parse(tick.at);
  const in_window = Date.parse(sheet.begin) <= at && at <= Date.parse(sheet.end);
  return { id: tick.id, result: tick.result ?? "", note: tick.note ?? "", way: tick.code ? "qr" : "manual", at: tick.at, received_at: null, in_window, by: entry.owner, danger: "", ticket: "" };
}

export const ends = (entries: Entry[]): boolean => entries.some((one) => one.state === "waiting" && tickOf(one)?.type === "end");

/** The service refuses an entry alone; a later tick of another person stands beside the stored one. */
refusesBy("inspection", (answer, entry) => {
  const { outcomes, inspection } = answer as unknown as Outcomes;
  const outcome = outcomes[0];
  if (outcome?.outcome === "refused") return outcome.text ?? both(() => t("inspectionRefused"));
  const tick = tickOf(entry);
  const standing = inspection.stops.find((one) => one.stop === tick?.stop)?.items.find((one) => one.item === tick?.item)?.entry;
  if (!standing || standing.id === tick?.id || standing.by === entry.owner || standing.result === tick?.result) return null;
  return both(() => t("inspectionLater", { who: standing.by, at: stamp(standing.at), result: t(RESULT[standing.result] ?? "inspectionOk") }));
});

/** Return the copies that the person needs for open inspections; their names. */
export async function keepInspections(owner: string): Promise<string[]> {
  const open = await readOpen(owner);
  for (const one of open.value) await readSheet(owner, one.site, one.id);
  return ["inspections", ...open.value.map((one) => sheetName(one.site, one.id))];
}
