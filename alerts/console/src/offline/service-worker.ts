/** Service worker: the files of the console, also without network. Answers of the service are never cached here. */
declare const __FILES__: string[];
declare const __BUILD__: string;

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope extends EventTarget {
  registration: { scope: string };
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
}

const worker = self as unknown as Scope;
const CACHE = `twinward-${__BUILD__}`;
const PAGE = new URL("./", worker.registration.scope).href;
const PAGE_MAX_MS = 3000; // a network without answer must not hold the page back
const known = new Set(__FILES__.map((one) => new URL(one, worker.registration.scope).href));

worker.addEventListener("install", (event) => {
  (event as Extendable).waitUntil(caches.open(CACHE).then((cache) => cache.addAll(["./", ...__FILES__])).then(() => worker.skipWaiting()));
});
worker.addEventListener("activate", (event) => {
  (event as Extendable).waitUntil(removeOld().then(() => worker.clients.claim()));
});
worker.addEventListener("fetch", (event) => {
  const { request } = event as Fetching;
  const address = request.url.replace(/[?#].*$/, "");
  if (request.method !== "GET") return;
  if (request.mode === "navigate" && address === PAGE) (event as Fetching).respondWith(page(request));
  else if (known.has(address)) (event as Fetching).respondWith(file(request));
});

async function removeOld(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith("twinward-") && name !== CACHE) await caches.delete(name);
}

/** Return the page of the service; without an answer in time, the one of this build. */
async function page(request: Request): Promise<Response> {
  const own = await (await caches.open(CACHE)).match("./");
  const late = new Promise<Response | undefined>((done) => setTimeout(() => done(own), PAGE_MAX_MS));
  const answer = await Promise.race([fetch(request).catch(() => own), late]);
  return answer ?? fetch(request);
}

async function file(request: Request): Promise<Response> {
  return (await (await caches.open(CACHE)).match(request, { ignoreSearch: true })) ?? fetch(request);
}
