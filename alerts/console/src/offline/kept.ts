/** Copies of what the person needs without network: account, own tickets, their readings. Removed at sign-out. */
import { ApiError } from "../api/client";
import { erase, keysOf, rowOf, write } from "./database";
import { lastAccount, onPhone } from "./phone";

interface Row<T> {
  owner: string;
  name: string;
  value: T;
  at: number;
}

/** A value with the time of its copy; null: read from the service now. */
export interface Copy<T> {
  value: T;
  at: number | null;
}

/** Keep a copy for the account that works offline on this phone. A read that ends after its sign-out leaves none. */
export async function keep(owner: string, name: string, value: unknown): Promise<void> {
  if (owner && owner === lastAccount()) await write("kept", { owner, name, value: structuredClone(value), at: Date.now() } satisfies Row<unknown>);
}

export async function copyOf<T>(owner: string, name: string): Promise<Copy<T> | null> {
  const row = onPhone && owner ? await rowOf<Row<T>>("kept", [owner, name]) : undefined;
  return row ? { value: row.value, at: row.at } : null;
}

/** Read from the service and keep a copy on a phone; without network return the copy. Throws the error without one. */
export async function readOrCopy<T>(owner: string, name: string, read: () => Promise<T>): Promise<Copy<T>> {
  try {
    const value = await read();
    await keep(owner, name, value);
    return { value, at: null };
  } catch (error) {
    const copy = error instanceof ApiError && error.status === 0 ? await copyOf<T>(owner, name) : null;
    if (!copy) throw error;
    return copy;
  }
}

/** Remove the copies: of everybody, or of all but one account; of that one those that `wanted` refuses. */
export async function forget(but = "", wanted: (name: string) => boolean = () => true): Promise<void> {
  if (!onPhone) return;
  for (const key of await keysOf("kept")) {
    const [owner, name] = key as [string, string];
    if (owner !== but || !wanted(name)) await erase("kept", key);
  }
}
