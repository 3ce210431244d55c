/** Offline mode of a phone or tablet: service worker, storage, last account. Needs https or this machine. */
const ACCOUNT = "twinward.offline";
const ROLES = ["fixer", "operator", "officer", "admin"];
/** Bounds of a photo, as on the service. */
export const PHOTO_BYTES_MAX = 10 * 1024 * 1024;
export const PHOTO_TYPES = ["image/jpeg", "image/png", "image/webp"];

/** Whether this browser is a phone or tablet that can work offline. */
export const onPhone: boolean = isSecureContext && "indexedDB" in globalThis && matchMedia("(pointer: coarse), (max-width: 640px)").matches;

/** Return the account that may work offline on this phone, "" without one. */
export const lastAccount = (): string => (onPhone ? (localStorage.getItem(ACCOUNT) ?? "") : "");
export const forgetAccount = (): void => localStorage.removeItem(ACCOUNT);

/** Prepare the phone for work without network by a person who does field work. */
export async function prepare(account: string, roles: string[]): Promise<void> {
  if (!onPhone || !roles.some((one) => ROLES.includes(one))) return;
  localStorage.setItem(ACCOUNT, account);
  await navigator.serviceWorker?.register("./service-worker.js").catch(() => undefined);
  await navigator.storage?.persist?.().catch(() => false);
}

/** Return a time as RFC 3339 with the offset of the phone's zone. */
export function localTime(ms: number): string {
  const at = new Date(ms);
  const offset_min = -at.getTimezoneOffset();
  const two = (value: number): string => String(Math.floor(Math.abs(value))).padStart(2, "0");
  const shifted = new Date(ms + offset_min * 60_000).toISOString().slice(0, -1);
  return `${shifted}${offset_min < 0 ? "-" : "+"}${two(offset_min / 60)}:${two(offset_min % 60)}`;
}

/** Site and place of a QR sign: its text contains them; the service verifies the signature. */
export interface Sign {
  code: string;
  site: string;
  place: string;
  at: number;
}

const SIGN = "twinward.sign";
const SIGN_MAX_MS = 4 * 3_600_000;
const SIGNATURE_BYTES = 12;

/** Return the sign of a scanned text: the code, or an address with it. Null for another text. */
export function signOf(text: string): Sign | null {
  const code = text.trim().replace(/^.*#\/report\//, "").replace(/\/.*$/, "");
  try {
    const raw = Uint8Array.from(atob(code.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
    const body: unknown = JSON.parse(new TextDecoder().decode(raw.slice(SIGNATURE_BYTES)));
    if (!Array.isArray(body) || typeof body[0] !== "string" || typeof body[1] !== "string") return null;
    return { code, site: body[0], place: body[1], at: Date.now() };
  } catch {
    return null;
  }
}
export const keepSign = (sign: Sign): void => sessionStorage.setItem(SIGN, JSON.stringify(sign));
export const forgetSign = (): void => sessionStorage.removeItem(SIGN);

/** Return the code of the sign that was scanned at this place in the last hours, "" without one. */
export function scannedCode(site: string, place: string): string {
  const sign = JSON.parse(sessionStorage.getItem(SIGN) ?? "null") as Sign | null;
  return sign && sign.site === site && sign.place === place && Date.now() - sign.at < SIGN_MAX_MS ? sign.code : "";
}
