/** Shared state: account, site, live stream, theme. */
import { all, call, get, hasToken, keepToken, onExpired } from "./api/client";
import { subscribe, type Connection, type ServerEvent } from "./api/events";
import type { Person, Session, Site } from "./api/types";

type Theme = "light" | "dark";

class Shared {
  user = $state<Person | null>(null);
  sites = $state<Site[]>([]);
  site = $state(localStorage.getItem("twinward.site") ?? "");
  connection = $state<Connection>("connecting");
  now = $state(Date.now());
  sound = $state(localStorage.getItem("twinward.sound") === "on");
  theme = $state<Theme>(firstTheme());
  starting = $state(hasToken());
  /** Each grows by one with each change of that kind on the service. */
  hazards = $state(0);
  tickets = $state(0);
  condition = $state(0);

  #ahead_ms = 0;
  #stop: () => void = () => undefined;

  constructor() {
    setInterval(() => (this.now = Date.now() + this.#ahead_ms), 1000);
    onExpired(() => this.#forget());
  }

  get siteInfo(): Site | undefined {
    return this.sites.find((one) => one.id === this.site);
  }

  /** Return whether the user has one of these roles. The service enforces the rights. */
  is(...roles: string[]): boolean {
    return (this.user?.roles ?? []).some((role) => roles.includes(role));
  }

  async signIn(username: string, password: string): Promise<void> {
    const session = await call<Session>("POST", "session", { body: { username, password } });
    keepToken(session.token ?? "");
    await this.begin();
  }

  async begin(): Promise<void> {
    if (!hasToken()) return;
    try {
      const user = await get<Person>("me");
      this.sites = await all<Site>("sites");
      if (!this.sites.some((one) => one.id === this.site)) this.choose(this.sites[0]?.id ?? "");
      this.user = user;
      this.#stop();
      this.#stop = subscribe(
        (event) => this.#receive(event),
        (now) => this.#connected(now),
      );
    } finally {
      this.starting = false;
    }
  }

  async signOut(): Promise<void> {
    await call("DELETE", "session").catch(() => undefined);
    this.#forget();
  }

  choose(site: string): void {
    this.site = site;
    localStorage.setItem("twinward.site", site);
  }

  setSound(on: boolean): void {
    this.sound = on;
    localStorage.setItem("twinward.sound", on ? "on" : "off");
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem("twinward.theme", theme);
  }

  #forget(): void {
    this.#stop();
    keepToken("");
    this.user = null;
  }

  #connected(now: Connection): void {
    const back = now === "live" && this.connection !== "live";
    this.connection = now;
    if (back) this.#reload(); // the snapshot contains the changes of the gap
  }

  #reload(): void {
    this.hazards += 1;
    this.tickets += 1;
    this.condition += 1;
  }

  #receive(event: ServerEvent): void {
    if (event.type === "hazard" || event.type === "sensor") this.hazards += 1;
    if (event.type === "ticket") this.tickets += 1;
    if (event.type === "condition") this.condition += 1;
    if (event.type === "reset") this.#reload();
    if (event.type === "heartbeat") this.#tick(event.data);
  }

  #tick(data: string): void {
    try {
      const now = Date.parse((JSON.parse(data) as { now: string }).now);
      if (!Number.isNaN(now)) this.#ahead_ms = now - Date.now();
    } catch {
      // a heartbeat without a time still proves the connection
    }
  }
}

function firstTheme(): Theme {
  const kept = localStorage.getItem("twinward.theme");
  if (kept === "dark" || kept === "light") return kept;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export const shared = new Shared();
