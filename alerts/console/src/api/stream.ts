/** Server-sent events over fetch: one connection, or one short poll. Used by pages and by the shared worker. */
export interface ServerEvent {
  type: string;
  id: string;
  data: string;
}
/** offline: no data, with retries. ended: the service refuses the session. */
export type Connection = "connecting" | "live" | "offline" | "ended";

/** News for a page: an event, or a change of the connection. */
export type News = { event: ServerEvent } | { connection: Connection };

export const SILENCE_MAX_MS = 7000; // a heartbeat every 2 s; three may be lost
const ANSWER_MAX_MS = 5000;
const WAITS_MS = [250, 500, 1000, 2000];
const POLL_EVERY_MS = 1500;
const POLL_READ_MS = 700; // after the first heartbeat, which the service sends before older events

export class Stream {
  #abort = new AbortController();
  #wake: () => void = () => undefined;
  #last = "";
  #failures = 0;
  #received_ms = 0;
  #running = true;
  #again = false;
  #beat: ServerEvent | undefined;

  /** polling: close the connection after each answer, for browsers without shared workers. */
  constructor(
    readonly url: string,
    readonly deliver: (news: News) => void,
    readonly polling = false,
  ) {
    void this.#run();
  }

  /** Repeat the last heartbeat if it has just arrived, else reconnect immediately. */
  check(): void {
    if (this.#beat && Date.now() - this.#received_ms < SILENCE_MAX_MS / 2) this.deliver({ event: this.#beat });
    else this.restart();
  }

  /** Start a new connection, also after the end of a session. */
  restart(): void {
    this.#failures = 0;
    this.#again = true;
    this.#abort.abort();
    this.#wake();
  }

  stop(): void {
    this.#running = false;
    this.restart();
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const abort = (this.#abort = new AbortController());
      this.#again = false;
      const outcome = await this.#once(abort).catch(() => "offline" as const);
      if (!this.#running) return;
      if (this.#again) continue;
      if (outcome === "again") {
        await this.#pause(POLL_EVERY_MS);
        continue;
      }
      this.deliver({ connection: outcome });
      await this.#pause(outcome === "ended" ? Infinity : (WAITS_MS[Math.min(this.#failures++, WAITS_MS.length - 1)] ?? 2000));
    }
  }

  async #once(abort: AbortController): Promise<"offline" | "ended" | "again"> {
    const headers: Record<string, string> = { Accept: "text/event-stream", "X-Background": "1" };
    if (this.#last) headers["Last-Event-ID"] = this.#last;
    const slow = setTimeout(() => abort.abort(), ANSWER_MAX_MS);
    const response = await fetch(this.url, { headers, signal: abort.signal, cache: "no-store", credentials: "same-origin" }).finally(() => clearTimeout(slow));
    if (response.status === 401) return "ended";
    if (!response.ok || !response.body) return "offline";
    return this.#read(response.body, abort);
  }

  async #read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<"offline" | "again"> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    let polled = false;
    for (;;) {
      const watchdog = setTimeout(() => abort.abort(), SILENCE_MAX_MS);
      try {
        const { done, value } = await reader.read();
        if (done) return polled ? "again" : "offline";
        const blocks = (rest + decoder.decode(value, { stream: true })).replace(/\r\n?/g, "\n").split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.#receive(parse(block));
      } catch (error) {
        if (polled) return "again";
        throw error;
      } finally {
        clearTimeout(watchdog);
      }
      if (this.polling && !polled && this.#received_ms) {
        polled = true;
        setTimeout(() => abort.abort(), POLL_READ_MS);
      }
    }
  }

  #receive(event: ServerEvent | null): void {
    if (!event) return;
    this.#failures = 0;
    this.#received_ms = Date.now();
    if (event.id) this.#last = event.id;
    if (event.type === "heartbeat") {
      this.#beat = event;
      this.deliver({ connection: "live" });
    }
    this.deliver({ event });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((done) => {
      this.#wake = done;
      if (ms !== Infinity) setTimeout(done, ms);
    });
  }
}

/** Return one event of the stream, null for a comment. */
export function parse(block: string): ServerEvent | null {
  const event: ServerEvent = { type: "message", id: "", data: "" };
  let some = false;
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    some = true;
    if (name === "event") event.type = value;
    else if (name === "id") event.id = value;
    else if (name === "data") event.data += event.data ? `\n${value}` : value;
  }
  return some ? event : null;
}
