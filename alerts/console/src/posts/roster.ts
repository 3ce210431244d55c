/** Tables of a roster as its author wrote them, and a post with its persons in them. */
import type { Person } from "../api/types";

export interface PersonRow {
  id: string;
  account?: string;
  name_zh?: string;
  name_en?: string;
  contacts?: Record<string, string>;
}
export interface PostRow {
  id: string;
  name_zh?: string;
  name_en?: string;
  deputies?: string[];
}
export interface Tables {
  person?: PersonRow[];
  post?: PostRow[];
  shift?: { post: string }[];
  [table: string]: unknown;
}
/** A person of a post. phone: "" for a person who has a contact; account: of a person without a row. */
export interface Chosen {
  id: string;
  phone: string;
  account: Person | undefined;
}

/** Return the tables with a post and its persons: the first stands for it, the others are deputies. Later deputies stay. */
export function staffed(tables: Tables, post: { id: string; name: { zh: string; en: string } }, people: Chosen[]): Tables {
  const persons = [...(tables.person ?? [])];
  for (const one of people) {
    const at = persons.findIndex((row) => row.id === one.id);
    const row = persons[at] ?? { id: one.id, account: one.id, name_zh: one.account?.name.zh ?? "", name_en: one.account?.name.en ?? "" };
    const reached = one.phone ? { ...row, contacts: { ...row.contacts, sms: one.phone } } : row;
    if (at < 0) persons.push(reached);
    else persons[at] = reached;
  }
  const before = tables.post?.find((row) => row.id === post.id);
  const replaced = tables.shift?.some((one) => one.post === post.id) ? 1 : 2;
  const kept = (before?.deputies ?? []).slice(replaced).filter((id) => !people.some((one) => one.id === id));
  const row: PostRow = { ...before, id: post.id, name_zh: post.name.zh.trim(), name_en: post.name.en.trim(), deputies: [...people.map((one) => one.id), ...kept] };
  const posts = before ? (tables.post ?? []).map((one) => (one === before ? row : one)) : [...(tables.post ?? []), row];
  return { ...tables, person: persons, post: posts };
}
