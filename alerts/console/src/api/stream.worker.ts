/** Shared worker: one live stream for all tabs of this browser, which has six connections a host. */
import { Stream, type Connection, type News } from "./stream";

/** Message of a tab. url: of the stream, with the first message. */
export interface Request {
  do: "join" | "check" | "restart" | "leave";
  url: string;
}

const ports = new Set<MessagePort>();
let connection: Connection = "connecting";
let stream: Stream | undefined;

function deliver(news: News): void {
  if ("connection" in news) {
    if (news.connection === connection) return;
    connection = news.connection;
  }
  for (const port of ports) port.postMessage(news);
}

function answer(port: MessagePort, request: Request): void {
  if (request.do === "leave") ports.delete(port);
  else ports.add(port);
  stream ??= new Stream(request.url, deliver);
  if (request.do === "join") port.postMessage({ connection } satisfies News);
  if (request.do === "restart") {
    connection = "connecting"; // so that every tab reads again, as the new person
    stream.restart();
  } else if (request.do !== "leave") stream.check();
}

addEventListener("connect", (event) => {
  for (const port of (event as MessageEvent).ports) {
    port.onmessage = (message: MessageEvent<Request>) => answer(port, message.data);
  }
});
