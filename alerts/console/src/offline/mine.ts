/** Copies on a phone: own tickets with conditions of closing and last signal, the closed loop, open inspections. */
import { all, ApiError, get } from "../api/client";
import type { Loop, Readings, Ticket, TicketDetail } from "../api/types";
import { keepInspections } from "./inspections";
import { forget, keep, readOrCopy, type Copy } from "./kept";

const TICKETS_MAX = 30;
const SPAN_MS = 24 * 3_600_000;
const POINTS = 600;

export const ticketName = (id: string): string => `ticket/${id}`;
export const signalName = (site: string, sensor: string, metric: string): string => `signal/${site}/${sensor}/${metric}`;

/** Return the tickets that wait for the person, or their copies without network. */
export const readMine = (owner: string): Promise<Copy<Ticket[]>> => readOrCopy(owner, "mine", () => all<Ticket>("tickets", { needs_me: true }, TICKETS_MAX));
export const readTicket = (owner: string, id: string): Promise<Copy<TicketDetail>> => readOrCopy(owner, ticketName(id), () => get<TicketDetail>(`tickets/${encodeURIComponent(id)}`));
export const readLoop = (owner: string): Promise<Copy<Loop>> => readOrCopy(owner, "loop", () => get<Loop>("loop"));

/** Keep everything that the person needs without network; remove the copies of other tickets and sheets. */
export async function takeAlong(owner: string): Promise<void> {
  try {
    const mine = await readMine(owner);
    if (mine.at !== null) return;
    await readLoop(owner);
    const names = new Set(["account", "loop", "mine"]);
    for (const { id } of mine.value.slice(0, TICKETS_MAX)) {
      const { value: ticket } = await readTicket(owner, id);
      names.add(ticketName(id));
      const first = ticket.evidence[0];
      if (first) names.add(await keepSignal(owner, ticket.site, first.sensor, first.metric));
    }
    for (const name of await keepInspections(owner)) names.add(name);
    await forget(owner, (name) => names.has(name) || !/^(ticket|signal|inspection)\//.test(name));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the next change of a ticket tries again
  }
}

async function keepSignal(owner: string, site: string, sensor: string, metric: string): Promise<string> {
  const [from, to] = [new Date(Date.now() - SPAN_MS).toISOString(), new Date().toISOString()];
  const name = signalName(site, sensor, metric);
  await keep(owner, name, await get<Readings>("readings", { site, sensor, metric, from, to, step: SPAN_MS / 1000 / POINTS }));
  return name;
}
