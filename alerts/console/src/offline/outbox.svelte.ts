/** Outbox: entries of the person on this phone that wait for the network. Sent in order, once, never dropped. */
import { ApiError, call, get, upload } from "../api/client";
import type { Both, Person } from "../api/types";
import { erase, rowsOf, write } from "./database";
import { localTime, onPhone } from "./phone";

const RETRY_MS = 10_000;
const STOPS = [0, 401, 408, 429]; // no network, ended session, busy: the entry stays as it is

/** What an entry contains before it is added. Entries of one subject are sent in order; a refused one holds them. */
export interface Draft {
  kind: "action" | "photo" | "test" | "inspection";
  subject: string;
  title: Both;
  method: "POST" | "PUT";
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  file?: Blob;
  sha256?: string;
  /** Version of the object for If-Match; follows the answers to earlier entries of the subject. */
  version?: number;
  /** Action of a ticket, to show its state before the service has it. */
  action?: string;
}
export interface Entry extends Draft {
  id: string;
  owner: string;
  at: string;
  order: number;
  state: "waiting" | "refused";
  status: number;
  problem: Both | null;
}
type Answer = Record<string, unknown> | undefined;

/** Return the reason why an answer with status 200 refuses the entry, null otherwise. By kind of the entry. */
type Reason = (answer: Answer, entry: Entry) => Both | null;
const refusals: Partial<Record<Draft["kind"], Reason>> = {};
export function refusesBy(kind: Draft["kind"], reason: Reason): void {
  refusals[kind] = reason;
}

class Outbox {
  entries = $state.raw<Entry[]>([]);
  online = $state(navigator.onLine);
  sending = $state(false);
  /** Grows with each entry that the service has accepted. */
  sent = $state(0);
  #owner = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = false; // for another sync, during the present one

  constructor() {
    if (!onPhone) return;
    addEventListener("offline", () => (this.online = false));
    addEventListener("online", () => {
      this.online = true;
      void this.sync();
    });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void this.sync());
  }

  get refused(): number {
    return this.entries.filter((one) => one.state === "refused").length;
  }
  of(subject: string): Entry[] {
    return this.entries.filter((one) => one.subject === subject);
  }

  /** Show and send the entries of this account only; "" for none. */
  async use(owner: string): Promise<void> {
    this.#owner = owner;
    await this.#load();
    await this.sync();
  }

  /** Store an entry on the phone; the caller sends it with `sync`. */
  async add(draft: Draft): Promise<Entry> {
    const id = crypto.randomUUID();
    const order = Math.max(Date.now(), ...this.entries.map((one) => one.order + 1));
    const entry: Entry = { ...$state.snapshot(draft), id, owner: this.#owner, at: localTime(Date.now()), order, state: "waiting", status: 0, problem: null } as Entry;
    if (draft.file) entry.file = draft.file;
    await write("outbox", entry);
    await this.#load();
    return entry;
  }

  /** Remove an entry that the person gives up. */
  async discard(entry: Entry): Promise<void> {
    await erase("outbox", entry.id);
    await this.#load();
    await this.sync();
  }

  /** Send a refused entry again; version: of the object as the person has seen it now. */
  async again(entry: Entry, version?: number): Promise<void> {
    const next: Entry = { ...entry, state: "waiting", problem: null };
    if (version !== undefined && entry.version !== undefined) next.version = version;
    await write("outbox", next);
    await this.#load();
    await this.sync();
  }

  /** Send the waiting entries. One tab sends at a time; a failure of the network repeats it later, an entry added meanwhile at once. */
  async sync(): Promise<void> {
    if (!onPhone || !this.#owner) return;
    this.#asked = this.sending;
    if (this.sending) return;
    this.sending = true;
    clearTimeout(this.#timer);
    try {
      await navigator.locks.request("twinward.outbox", () => this.#send());
    } finally {
      this.sending = false;
      await this.#load();
      if (this.entries.some((one) => one.state === "waiting")) this.#timer = setTimeout(() => void this.sync(), this.#asked ? 0 : RETRY_MS);
    }
  }

  async #send(): Promise<void> {
    await this.#load();
    if (!this.entries.some((one) => one.state === "waiting") || !(await this.#sameAccount())) return;
    const held = new Set<string>();
    for (const { id } of this.entries) {
      const entry = this.entries.find((one) => one.id === id);
      if (!entry) continue;
      if (entry.state === "refused" || held.has(entry.subject)) held.add(entry.subject);
      else if (!(await this.#deliver(entry, held))) return;
    }
  }

  /** Send one entry; return whether the next one can be tried. */
  async #deliver(entry: Entry, held: Set<string>): Promise<boolean> {
    try {
      const answer = await transmit(entry);
      const reason = refusals[entry.kind]?.(answer, entry) ?? null;
      if (reason) await this.#refuse(entry, 422, reason, held);
      else await this.#accept(entry, answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (STOPS.includes(error.status) || error.status >= 500) return false;
      await this.#refuse(entry, error.status, reasonOf(error), held);
    }
    await this.#load();
    return true;
  }

  async #accept(entry: Entry, answer: Answer): Promise<void> {
    const version = answer?.["version"];
    for (const later of this.of(entry.subject))
      if (entry.version !== undefined && later.version !== undefined && later.id !== entry.id && typeof version === "number") await write("outbox", { ...later, version });
    await erase("outbox", entry.id);
    this.sent += 1;
  }

  async #refuse(entry: Entry, status: number, problem: Both, held: Set<string>): Promise<void> {
    await write("outbox", { ...entry, state: "refused", status, problem } satisfies Entry);
    held.add(entry.subject);
  }

  /** Return whether the session belongs to the owner: another tab may have signed another person in. */
  async #sameAccount(): Promise<boolean> {
    try {
      return (await get<Person>("me")).username === this.#owner;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return false;
    }
  }

  async #load(): Promise<void> {
    const rows = onPhone && this.#owner ? await rowsOf<Entry>("outbox", this.#owner) : [];
    this.entries = rows.sort((one, other) => one.order - other.order);
  }
}

async function transmit(entry: Entry): Promise<Answer> {
  if (entry.file) {
    await upload(entry.method, entry.path, entry.file, { query: entry.query ?? {}, stated: entry.sha256 ?? "" });
    return undefined;
  }
  const ifMatch = entry.version === undefined ? {} : { ifMatch: String(entry.version) };
  const send = (): Promise<Answer> => call<Answer>(entry.method, entry.path, { body: entry.body, key: entry.id, ...ifMatch });
  try {
    return await send();
  } catch (error) {
    // a first attempt may still be running on the service: the second one finds its stored answer
    if (error instanceof ApiError && error.status === 412) return send();
    throw error;
  }
}

function reasonOf(error: ApiError): Both {
  if (error.status === 412) return { zh: "他人已修改此工单，请查看后再发送。", en: "Someone else has changed this ticket; look at it, then send again." };
  const fields = (language: "zh" | "en"): string => error.fields.map((one) => one.text?.[language] || `${one.path}: ${one.message}`).join("; ");
  const text = error.both ?? { zh: error.message, en: error.message };
  const more = { zh: fields("zh"), en: fields("en") };
  return { zh: more.zh ? `${text.zh}（${more.zh}）` : text.zh, en: more.en ? `${text.en} (${more.en})` : text.en };
}

export const outbox = new Outbox();
