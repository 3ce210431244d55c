/** Server-sent events over fetch, because EventSource cannot carry the bearer header. */
import { address, bearer, hasToken } from "./client";

export interface ServerEvent {
  type: string;
  id: string;
  data: string;
}
export type Listener = (event: ServerEvent) => void;
export type Connection = "connecting" | "live" | "offline";

const SILENCE_MAX_MS = 40_000; // the service sends a heartbeat every 15 s; two may be lost
const WAITS_MS = [500, 1000, 2000, 5000, 10_000];

/** Read the stream until the returned function is called; reconnects with Last-Event-ID. */
export function subscribe(listener: Listener, state: (now: Connection) => void): () => void {
  let stopped = false;
  let last = "";
  let failures = 0;
  let abort = new AbortController();

  const once = async (): Promise<void> => {
    abort = new AbortController();
    const headers: Record<string, string> = { Accept: "text/event-stream", ...bearer() };
    if (last) headers["Last-Event-ID"] = last;
    const response = await fetch(address("events"), { headers, signal: abort.signal, cache: "no-store" });
    if (!response.ok || !response.body) throw new Error(String(response.status));
    failures = 0;
    state("live");
    await read(response.body, abort, (event) => {
      if (event.id) last = event.id;
      listener(event);
    });
  };
  const run = async (): Promise<void> => {
    while (!stopped && hasToken()) {
      try {
        await once();
      } catch {
        // the loop reconnects after a broken stream
      }
      if (stopped) return;
      state("offline");
      await pause(WAITS_MS[Math.min(failures++, WAITS_MS.length - 1)] ?? 10_000);
    }
  };
  state("connecting");
  void run();
  return () => {
    stopped = true;
    abort.abort();
  };
}

async function read(body: ReadableStream<Uint8Array>, abort: AbortController, listener: Listener): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const watchdog = setTimeout(() => abort.abort(), SILENCE_MAX_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
    if (done) return;
    const blocks = (rest + decoder.decode(value, { stream: true })).replace(/\r\n?/g, "\n").split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parse(block);
      if (event) listener(event);
    }
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

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
