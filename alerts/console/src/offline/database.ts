/** IndexedDB of this browser: copies of own tickets, and the outbox. Every row has its owner, the account. */
export type Table = "kept" | "outbox";

const NAME = "twinward";
const VERSION = 1;
let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept", { keyPath: ["owner", "name"] }).createIndex("owner", "owner");
      request.result.createObjectStore("outbox", { keyPath: "id" }).createIndex("owner", "owner");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB does not open"));
  });
  return opened;
}

async function run<T>(table: Table, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const transaction = (await open()).transaction(table, mode);
  const request = work(transaction.objectStore(table));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error(`IndexedDB refuses ${mode} of ${table}`));
  });
}

export const rowOf = <T>(table: Table, key: IDBValidKey): Promise<T | undefined> => run(table, "readonly", (store) => store.get(key) as IDBRequest<T | undefined>);
export const rowsOf = <T>(table: Table, owner: string): Promise<T[]> => run(table, "readonly", (store) => store.index("owner").getAll(owner) as IDBRequest<T[]>);
export const keysOf = (table: Table): Promise<IDBValidKey[]> => run(table, "readonly", (store) => store.getAllKeys());
export const write = (table: Table, row: unknown): Promise<IDBValidKey> => run(table, "readwrite", (store) => store.put(row));
export const erase = (table: Table, key: IDBValidKey): Promise<undefined> => run(table, "readwrite", (store) => store.delete(key));
