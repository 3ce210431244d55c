/** Web Push of this browser: its subscription with the key of the service, registered for the account. */
import { call, get } from "../api/client";
import type { Push, PushBrowser } from "../api/types";

const OWN = "twinward.push"; // id of this browser at the service

/** Whether this browser can receive Web Push: it needs https or this machine. */
export const pushable: boolean = isSecureContext && "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
export const ownBrowser = (): string => localStorage.getItem(OWN) ?? "";
export const readPush = (): Promise<Push> => get<Push>("me/push");

/** Cause why a browser does not subscribe: the person refuses notifications, or its push service gives no address. */
export type Refusal = "pushRefused" | "pushUnreachable";

/** Subscribe with the key and register under the name; return the cause of a browser that does not subscribe. */
export async function subscribe(key: string, name: string): Promise<Refusal | null> {
  if ((await Notification.requestPermission()) !== "granted") return "pushRefused";
  await navigator.serviceWorker.register("./service-worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  await (await pushManager.getSubscription())?.unsubscribe(); // it may have the key of another installation
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }).catch(() => null);
  if (!subscription) return "pushUnreachable";
  const made = subscription.toJSON();
  const body = { name, endpoint: made.endpoint, p256dh: made.keys?.p256dh, auth: made.keys?.auth };
  localStorage.setItem(OWN, (await call<PushBrowser>("POST", "me/push/browsers", { body })).id);
  return null;
}

/** Remove one browser of the account at the service; this one also ends its subscription. */
export async function remove(id: string): Promise<void> {
  if (id === ownBrowser()) {
    localStorage.removeItem(OWN);
    const registration = await navigator.serviceWorker.getRegistration();
    await (await registration?.pushManager.getSubscription())?.unsubscribe();
  }
  await call("DELETE", `me/push/browsers/${encodeURIComponent(id)}`);
}
