/** Service worker: the files of the console, also without network, and alarms by Web Push. Answers of the service are never cached here. */
declare const __FILES__: string[];
declare const __BUILD__: string;

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Pushed extends Extendable {
  data: { json(): Alarm } | null;
}
interface Clicked extends Extendable {
  notification: Notification;
}
interface Scope extends EventTarget {
  registration: ServiceWorkerRegistration;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void>; openWindow(address: string): Promise<unknown> };
}
/** Message of the service: link of the receipt or "", id of the alarm. */
interface Alarm {
  title: string;
  text: string;
  link: string;
  alarm: string;
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
worker.addEventListener("push", (event) => {
  const alarm = (event as Pushed).data?.json();
  if (alarm) (event as Pushed).waitUntil(show(alarm));
});
worker.addEventListener("notificationclick", (event) => {
  const { notification } = event as Clicked;
  notification.close();
  (event as Clicked).waitUntil(worker.clients.openWindow((notification.data as string) || `${PAGE}#/hazards`));
});

/** Show an alarm until a person reacts; a later message of the same alarm replaces it, with sound. */
function show(alarm: Alarm): Promise<void> {
  const options: NotificationOptions & { renotify: boolean } = { body: alarm.text, tag: alarm.alarm, renotify: true, requireInteraction: true, icon: "./icon-192.png", data: alarm.link };
  return worker.registration.showNotification(alarm.title, options);
}

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
