/** HTTP client: session cookie, problem+json, conditional and idempotent requests. No script can read the token. */
import type { Both, Page, WrongField } from "./types";

const BASE = "api/v1";
const CSRF = "twinward_csrf";
const ANSWER_MAX_MS = 20_000;
const UPLOAD_MAX_MS = 120_000;
const INPUT_MAX_MS = 60_000; // a read later than this after the last input does not prolong the session

/** An error response, or no response (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly both: Both | null,
    readonly fields: WrongField[],
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail || title);
  }
}

export interface Options {
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  ifMatch?: string;
  /** Idempotency key of a POST that may be repeated; by default a new one. */
  key?: string;
  /** Longest wait for the answer, for requests that compute. */
  wait_ms?: number;
}

let expired: () => void = () => undefined;
let input_ms = Date.now();
for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) addEventListener(kind, () => (input_ms = Date.now()), { passive: true });

/** Return the CSRF token of the session, "" without a session. It is derived from the session's token. */
const csrf = (): string => document.cookie.match(new RegExp(`(?:^|; )${CSRF}=([^;]+)`))?.[1] ?? "";
export const hasSession = (): boolean => csrf() !== "";

/** Set the function to call when the session has ended. */
export function onExpired(action: () => void): void {
  expired = action;
}

export function address(path: string, query: Options["query"] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  const text = search.toString();
  return `${BASE}/${path}${text ? `?${text}` : ""}`;
}

/** Return a sensor id with all characters but slashes escaped. */
export const escapePath = (id: string): string => id.split("/").map(encodeURIComponent).join("/");

export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const session = csrf();
  if (method !== "GET") headers["X-CSRF-Token"] = session;
  else if (Date.now() - input_ms > INPUT_MAX_MS) headers["X-Background"] = "1";
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.ifMatch !== undefined) headers["If-Match"] = `"${options.ifMatch}"`;
  if (method === "POST") headers["Idempotency-Key"] = options.key ?? freshKey();
  const init: RequestInit = { method, headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(options.wait_ms ?? ANSWER_MAX_MS) };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  let response = await reach(address(path, options.query), init);
  if (response.status === 429 && method === "GET") {
    await new Promise((done) => setTimeout(done, 1000 * Number(response.headers.get("Retry-After") ?? 1)));
    response = await reach(address(path, options.query), init);
  }
  const replaced = csrf() !== "" && csrf() !== session; // a late answer to the session before this one
  if (response.status === 401 && !path.startsWith("session") && !replaced) expired();
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

/** Send a file as the body of a POST and return the answer. */
export async function sendFile<T>(path: string, file: Blob): Promise<T> {
  const headers = { Accept: "application/json", "X-CSRF-Token": csrf(), "Content-Type": "application/octet-stream" };
  const response = await reach(address(path), { method: "POST", headers, body: file, credentials: "same-origin", signal: AbortSignal.timeout(UPLOAD_MAX_MS) });
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

export const get = <T>(path: string, query?: Options["query"]): Promise<T> => call<T>("GET", path, query ? { query } : {});

/** Return the picture that a POST answers with. */
export async function picture(path: string, body: unknown): Promise<Blob> {
  const headers = { "X-CSRF-Token": csrf(), "Content-Type": "application/json" };
  const init: RequestInit = { method: "POST", headers, body: JSON.stringify(body), cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(ANSWER_MAX_MS) };
  const response = await reach(address(path), init);
  if (response.status === 401) expired();
  if (!response.ok) throw await refusal(response);
  return response.blob();
}

/** Send a file as it is. stated: SHA-256 that the service compares with the received file. */
export async function upload(method: string, path: string, file: Blob, options: { query?: Options["query"]; stated?: string } = {}): Promise<void> {
  const headers: Record<string, string> = { "X-CSRF-Token": csrf(), "Content-Type": file.type || "application/octet-stream" };
  if (options.stated) headers["X-Photo-SHA256"] = options.stated;
  const init: RequestInit = { method, headers, body: file, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(UPLOAD_MAX_MS) };
  const response = await reach(address(path, options.query), init);
  if (response.status === 401) expired();
  if (!response.ok) throw await refusal(response);
}

/** End the session in this browser, also without network: the page enters again only after a sign-in. */
export function dropSession(): void {
  document.cookie = `${CSRF}=; Max-Age=0; path=/`;
}

/** Return the SHA-256 of a file, hexadecimal; "" where the browser offers none (a page without https). */
export async function digestOf(file: Blob): Promise<string> {
  if (!globalThis.crypto?.subtle) return "";
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return all pages of a list, up to a bound. */
export async function all<T>(path: string, query: Options["query"] = {}, most = 2000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await get(path, { ...query, limit: 500, cursor });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return items;
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch {
    throw new ApiError(0, "offline", "", { zh: "无法连接服务，请稍后再试。", en: "The service cannot be reached; try again soon." }, []);
  }
}

/** Return a random key. crypto.randomUUID needs a secure context; random values do not. */
function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function refusal(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    body = (await response.json()) as Record<string, unknown>;
  } catch {
    // a proxy may respond in HTML; the status remains
  }
  const text = body["text"] as Both | undefined;
  const errors = body["errors"];
  return new ApiError(
    response.status,
    String(body["title"] ?? response.statusText),
    String(body["detail"] ?? ""),
    text && typeof text === "object" && "zh" in text ? text : plain(response.status),
    Array.isArray(errors) ? (errors as WrongField[]) : [],
    body,
  );
}

/** Return the text of a status without a text from the service. */
function plain(status: number): Both | null {
  if (status === 403) return { zh: "您没有权限执行此操作。", en: "You are not allowed to do this." };
  if (status === 404) return { zh: "找不到，或不在您的范围内。", en: "Not found, or not within your scope." };
  if (status === 413) return { zh: "文件太大。", en: "The file is too large." };
  if (status === 422) return { zh: "有字段缺失或填写有误。", en: "Some fields are missing or invalid." };
  return null;
}
