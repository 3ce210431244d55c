/** A list that loads one page at a time and keeps its length when it is read again. */
import { untrack } from "svelte";
import { get, type Options } from "./client";
import type { Page } from "./types";

const LIMIT = 200;

export class Pages<T> {
  items = $state<T[]>([]);
  /** Whether the service has another page. */
  more = $state(false);
  /** Number of rows of all pages, for the lists that report it. */
  total = $state<number | null>(null);
  /** The first page as the service sent it, for the lists with sums. */
  head = $state.raw<Page<T> | null>(null);
  #cursor: string | null = null;
  #read = 0;

  constructor(
    readonly path: string,
    readonly limit = LIMIT,
  ) {}

  /** Read the list from the start: `least` rows, or as many as are shown. A later call replaces an earlier one. */
  async read(query: Options["query"], least = this.limit): Promise<void> {
    const read = ++this.#read;
    const wanted = Math.max(least, untrack(() => this.items.length)); // an effect that reads must not follow its own rows
    const items: T[] = [];
    let cursor: string | null = null;
    let total: number | null = null;
    let head: Page<T> | null = null;
    do {
      const page: Page<T> & { total?: number } = await get(this.path, { ...query, limit: this.limit, cursor });
      head ??= page;
      items.push(...page.items);
      cursor = page.next;
      total = page.total ?? null;
    } while (cursor && items.length < wanted);
    if (read !== this.#read) return;
    this.#show(items, cursor);
    this.total = total;
    this.head = head;
  }

  /** Read the next page. */
  async extend(query: Options["query"]): Promise<void> {
    const read = ++this.#read;
    const page: Page<T> = await get(this.path, { ...query, limit: this.limit, cursor: this.#cursor });
    if (read === this.#read) this.#show([...this.items, ...page.items], page.next);
  }

  #show(items: T[], cursor: string | null): void {
    this.items = items;
    this.#cursor = cursor;
    this.more = cursor !== null;
  }
}
