/** Web Push of this browser: its subscription with the key of the service, registered for the account. */
import { call, get } from "../api/client";
import type { Push, PushBrowser } from "../api/types";

const OWN = "twinward.push"; // this browser at the service

/** This browser as it was registered. */
interface Own {
  id: string;
  username: string;
  name: string;
}

/** Whether this browser can receive Web Push: it needs https or this machine. */
export const pushable: boolean = isSecureContext && "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
const own = (): Own | null => JSON.parse(localStorage.getItem(OWN) ?? "null") as Own | null;
export const ownBrowser = (): string => own()?.id ?? "";
export const readPush = (): Promise<Push> => get<Push>("me/push");

/** Cause of a refused subscription: the person allows no notifications, or the browser gets no address. */
export type Refusal = "pushRefused" | "pushUnreachable";

/** Subscribe with the key and register under the name; return the cause if the browser does not subscribe. */
export async function subscribe(key: string, username: string, name: string): Promise<Refusal | null> {
  if ((await Notification.requestPermission()) !== "granted") return "pushRefused";
  const subscription = await subscribed(key).catch(() => null);
  if (!subscription) return "pushUnreachable";
  await register(subscription, username, name);
  return null;
}

/** Subscribe anew: a present subscription may have the key of another installation. */
async function subscribed(key: string): Promise<PushSubscription> {
  await navigator.serviceWorker.register("./service-worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  await (await pushManager.getSubscription())?.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

async function register(subscription: PushSubscription, username: string, name: string): Promise<void> {
  const made = subscription.toJSON();
  const body = { name, endpoint: made.endpoint, p256dh: made.keys?.p256dh, auth: made.keys?.auth };
  const { id } = await call<PushBrowser>("POST", "me/push/browsers", { body });
  localStorage.setItem(OWN, JSON.stringify({ id, username, name } satisfies Own));
}

const present = async (): Promise<PushSubscription | null> => (await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription()) ?? null;

/** Keep this browser registered for its account; for another one end its subscription, whose alarms are not for that person. */
export async function ownPush(username: string): Promise<void> {
  const known = own();
  if (!known || !pushable) return;
  if (known.username !== username) {
    localStorage.removeItem(OWN);
    await (await present())?.unsubscribe();
    return;
  }
  const push = await readPush();
  if (push.browsers.some((one) => one.id === known.id)) return;
  const subscription = await present(); // its push service has renewed it, or the account was locked
  if (subscription && push.key) await register(subscription, username, known.name);
  else localStorage.removeItem(OWN);
}

/** Remove this browser; nothing without one. */
export const leavePush = async (): Promise<void> => (ownBrowser() ? remove(ownBrowser()) : undefined);

/** Remove one browser of the account at the service; this one also ends its subscription. */
export async function remove(id: string): Promise<void> {
  if (id === ownBrowser()) {
    localStorage.removeItem(OWN);
    await (await present())?.unsubscribe();
  }
  await call("DELETE", `me/push/browsers/${encodeURIComponent(id)}`);
}
