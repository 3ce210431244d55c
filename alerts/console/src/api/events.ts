/** The live stream of this page: shared by all tabs through a worker, else by short polls. */
import { address } from "./client";
import { Stream, type News } from "./stream";
import type { Request } from "./stream.worker";

const WORKER_ANSWER_MAX_MS = 3000;

export interface Subscription {
  /** Reconnect unless data have just arrived. */
  check(): void;
  /** Connect again, with another session. */
  restart(): void;
  stop(): void;
}

export function subscribe(deliver: (news: News) => void): Subscription {
  const url = new URL(address("events"), document.baseURI).href;
  if (typeof SharedWorker === "undefined") return new Stream(url, deliver, true);
  let used: Subscription = new Shared(url, (news) => {
    clearTimeout(late);
    deliver(news);
  });
  const poll = (): void => {
    used.stop();
    used = new Stream(url, deliver, true); // the worker cannot run here, or is frozen
  };
  const late = setTimeout(poll, WORKER_ANSWER_MAX_MS);
  return { check: () => used.check(), restart: () => used.restart(), stop: () => used.stop() };
}

class Shared implements Subscription {
  #port: MessagePort;

  constructor(
    readonly url: string,
    deliver: (news: News) => void,
  ) {
    this.#port = new SharedWorker(new URL("./stream.worker.ts", import.meta.url), { type: "module", name: "twinward" }).port;
    this.#port.onmessage = (message: MessageEvent<News>) => deliver(message.data);
    addEventListener("pagehide", () => this.#send("leave"));
    addEventListener("pageshow", (event) => event.persisted && this.#send("join"));
    this.#send("join");
  }

  check(): void {
    this.#send("check");
  }
  restart(): void {
    this.#send("restart");
  }
  stop(): void {
    this.#send("leave");
    this.#port.onmessage = null;
  }
  #send(what: Request["do"]): void {
    this.#port.postMessage({ do: what, url: this.url } satisfies Request);
  }
}
