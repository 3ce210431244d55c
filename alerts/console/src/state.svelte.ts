/** Shared state: account, site, live stream, theme, and whether this page shows the present. */
import { all, ApiError, call, dropSession, get, hasSession, onExpired } from "./api/client";
import { subscribe, type Subscription } from "./api/events";
import { SILENCE_MAX_MS, type Connection, type News, type ServerEvent } from "./api/stream";
import type { Person, Session, Site } from "./api/types";
import { alarms } from "./hazards/alarms.svelte";
import { copyOf, forget, keep } from "./offline/kept";
import { outbox } from "./offline/outbox.svelte";
import { forgetAccount, forgetSign, lastAccount, prepare } from "./offline/phone";
import { leavePush, ownPush } from "./push/push";
import { here } from "./router.svelte";
import { setZone } from "./times";

type Theme = "light" | "dark";
/** Cause of a page that is not live. session: ended; network: no data of the service; service: no data of sensors. */
export type Lost = "session" | "network" | "service";

/** Account and schools, as a phone keeps them. */
interface Account {
  user: Person;
  sites: Site[];
}

export const ALL = "*";
const TICK_MS = 500;
const ASLEEP_MS = 5000; // a longer pause between two ticks is a sleep of the computer or of the tab
const PROOF_MAX_MS = 1500; // after a return: the next data, else the page is not live
const BEHIND_MAX_MS = 8000;
const LOOK_MS = 60_000;
/** Parts without which the pages of paperwork are current; without a broker no synthetic alarm passes either. */
const AWAY = ["broker", "sensors", "alarm_path"];
/** Pages of work that needs no live state: a strip instead of the cover while the sensors are away. */
const PAPERWORK = ["register", "inspections", "dangers", "posts", "accounts", "displays"];
const RETRY_MS = 2000;
const LISTS_MS = 1000;
const SESSION_MAX_MS = 12 * 3_600_000; // as on the service
const USE_EVERY_MS = 300_000;

class Shared {
  user = $state<Person | null>(null);
  sites = $state<Site[]>([]);
  site = $state(localStorage.getItem("twinward.site") ?? "");
  /** Whether the list of hazards covers every school of the person. */
  everySite = $state(localStorage.getItem("twinward.sites") !== "one");
  connection = $state<Connection>("connecting");
  now = $state(Date.now());
  theme = $state<Theme>(firstTheme());
  starting = $state(hasSession() || displayCode() !== "" || lastAccount() !== "");
  /** Whether the account is a copy on this phone: the service has not been reached since the start. */
  copied = $state(false);
  /** Whether the session ended by itself: the page stays covered until a person signs in. */
  ended = $state(false);
  /** Whether the code of a display in the address was refused. */
  displayRefused = $state(false);
  /** Each grows by one with each change of that kind on the service. */
  hazards = $state(0);
  tickets = $state(0);
  orders = $state(0);
  silences = $state(0);
  drills = $state(0);

  #ahead_ms = 0;
  #received_ms = $state(Date.now());
  #receivedTicks_ms = performance.now();
  #lookUntil_ms = $state(0);
  #unproved_ms = $state<number | null>(null);
  #clock_ms = $state(Date.now());
  #used_ms = Date.now();
  /** The person is signing out: refused requests of that moment do not show the form before the copies are gone. */
  #leaving = false;
  #left = 0; // sign-outs of this page
  #raised = new Map<"hazards" | "tickets", boolean>(); // counter raised in the last second -> whether an event followed
  #stream: Subscription | undefined;

  constructor() {
    setInterval(() => this.#tick(), TICK_MS);
    onExpired(() => this.#end());
    for (const kind of ["visibilitychange", "resume"]) document.addEventListener(kind, () => document.visibilityState === "visible" && this.#returned());
    for (const kind of ["pageshow", "online"]) addEventListener(kind, () => this.#returned());
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.#use());
  }

  get siteInfo(): Site | undefined {
    return this.sites.find((one) => one.id === this.site);
  }

  /** Cause why the page does not show the present; null while it does. */
  get lost(): Lost | null {
    if (this.ended) return "session";
    if (!this.user && !this.starting) return null;
    if (this.copied || !outbox.online) return "network";
    const late = this.#clock_ms - this.#received_ms > SILENCE_MAX_MS;
    const unproved = this.#unproved_ms !== null && alarms.readAt < this.#unproved_ms && this.#clock_ms - this.#unproved_ms > PROOF_MAX_MS;
    const behind = alarms.behindSince !== null && this.#clock_ms - alarms.behindSince > BEHIND_MAX_MS;
    if (late || unproved || behind) return "network";
    return alarms.condition?.live === false ? "service" : null;
  }
  /** Whether data are arriving and everything shown is read. */
  get live(): boolean {
    return this.lost === null && this.connection === "live" && alarms.loaded;
  }
  /** Time of the last data, by the service's clock: of the stream, or of the sensors. */
  get lostSince(): number {
    const faults = this.lost === "service" ? (alarms.condition?.faults ?? []) : [];
    return Math.min(this.#received_ms + this.#ahead_ms, ...faults.map((one) => Date.parse(one.since)));
  }

  /** Whether the page needs no live state, broker or sensors are away, and every other part works. */
  get paperwork(): boolean {
    if (this.lost !== "service" || !PAPERWORK.includes(here().name)) return false;
    const parts = (alarms.condition?.faults ?? []).filter((one) => one.grade === "red").map((one) => one.part);
    return parts.every((one) => AWAY.includes(one)) && parts.some((one) => one !== "alarm_path");
  }

  /** Whether the page is covered: not live, nobody has asked to look behind the veil, and it is no paperwork without sensors. */
  get covered(): boolean {
    return this.lost !== null && !this.paperwork && (this.lost === "session" || this.#clock_ms > this.#lookUntil_ms);
  }
  /** Lift the veil for a minute: the last known state, marked as such. */
  lookBehind(): void {
    this.#lookUntil_ms = Date.now() + LOOK_MS;
  }

  /** Return whether the user has one of these roles. The service enforces the rights. */
  is(...roles: string[]): boolean {
    return (this.user?.roles ?? []).some((role) => roles.includes(role));
  }
  siteName(id: string): Site["name"] | string {
    return this.sites.find((one) => one.id === id)?.name ?? id;
  }

  /** Sign in; returns the session without reading, so that codes shown once can be shown first. */
  signIn(username: string, password: string, code: string): Promise<Session> {
    return call<Session>("POST", "session", { body: { username, password, code, cookie: true } });
  }

  /** Read the account and start the live stream. Retries while the service cannot be reached. */
  async begin(): Promise<void> {
    this.starting = this.starting || hasSession();
    if (this.starting && !navigator.onLine) await this.#open(); // without a wait for a request that cannot succeed
    while (this.starting) {
      try {
        await openDisplay();
        await this.#enter();
        this.starting = false;
      } catch (error) {
        if (error instanceof ApiError && [401, 403, 422].includes(error.status)) {
          this.displayRefused = displayCode() !== "";
          this.starting = false;
          if (this.user) this.ended = true; // the copy of a session that has ended
        } else {
          await this.#open();
          await new Promise((done) => setTimeout(done, RETRY_MS));
        }
      }
    }
  }

  /** Enter with the copies on this phone while the service cannot be reached, within the longest session. */
  async #open(): Promise<void> {
    const copy = this.user ? null : await copyOf<Account>(lastAccount(), "account");
    if (!copy?.at || Date.now() - copy.at > SESSION_MAX_MS) return;
    this.#enterAs(copy.value);
    this.copied = true;
    await outbox.use(copy.value.user.username);
  }

  #enterAs(account: Account): void {
    this.sites = account.sites;
    if (!this.sites.some((one) => one.id === this.site)) this.site = this.sites[0]?.id ?? "";
    setZone(this.siteInfo?.timezone);
    this.user = account.user;
  }

  async #enter(): Promise<void> {
    await this.#read();
    this.connection = "connecting";
    this.#received();
    if (this.#stream) this.#stream.restart();
    else this.#stream = subscribe((news) => this.#receive(news));
  }

  /** Read the account and everything shown. */
  async #read(): Promise<void> {
    const left = this.#left;
    const account = { user: await get<Person>("me"), sites: await all<Site>("sites") };
    if (this.#leaving || left !== this.#left) return; // the person has signed out meanwhile
    this.#enterAs(account);
    this.ended = this.copied = false;
    void this.#takeAlong();
    void ownPush(account.user.username).catch(() => undefined);
    void this.#keepAwake();
    this.#reload();
  }

  /** Keep the account on a phone for work without network; remove the copies of others, send the waiting entries. */
  async #takeAlong(): Promise<void> {
    const user = this.user;
    if (!user || user.display) return;
    await prepare(user.username, user.roles);
    await forget(user.username);
    if (lastAccount() === user.username) await keep(user.username, "account", $state.snapshot({ user, sites: this.sites }));
    await outbox.use(user.username);
  }

  /** Read the schools again: the first set-up has added one. */
  async readSites(): Promise<void> {
    this.sites = await all<Site>("sites");
    if (!this.sites.some((one) => one.id === this.site)) this.site = this.sites[0]?.id ?? "";
    setZone(this.siteInfo?.timezone);
  }

  /** Sign out. stays: the person only signs in again, so that this browser keeps its alarms. */
  async signOut(stays = false): Promise<void> {
    this.#leaving = true;
    if (!stays) await leavePush().catch(() => undefined); // the next person gets no alarm of this one
    await call("DELETE", "session").catch(() => undefined);
    this.#stream?.stop();
    this.#stream = undefined;
    dropSession();
    forgetAccount();
    forgetSign();
    try {
      await outbox.use("");
      await forget(); // before the next person sees the form of the sign-in
    } finally {
      this.user = null;
      this.ended = this.copied = this.starting = this.#leaving = false;
      this.#left += 1;
      alarms.forget();
    }
  }

  /** Choose a school, or all of them for the list of hazards. */
  choose(site: string): void {
    this.everySite = site === ALL;
    localStorage.setItem("twinward.sites", this.everySite ? "all" : "one");
    if (this.everySite) return;
    this.site = site;
    setZone(this.siteInfo?.timezone);
    localStorage.setItem("twinward.site", site);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem("twinward.theme", theme);
  }

  /** Keep the screen of a wall display on; the browser releases it with each hidden tab, and needs HTTPS. */
  async #keepAwake(): Promise<void> {
    if (this.user?.display && document.visibilityState === "visible") await navigator.wakeLock?.request("screen").catch(() => undefined);
  }

  #end(): void {
    if (this.user && !this.#leaving) this.ended = true;
  }

  #tick(): void {
    const now = Date.now();
    if (now - this.#clock_ms > ASLEEP_MS && document.visibilityState === "visible") this.#returned();
    // a clock that a person sets back must not hide a silence
    const silent_ms = performance.now() - this.#receivedTicks_ms;
    if (now - this.#received_ms < silent_ms - 1000) this.#received_ms = now - silent_ms;
    this.#clock_ms = now;
    if (this.#lookUntil_ms && this.lost === null) this.#lookUntil_ms = 0; // the next loss covers the page again
    if (Math.abs(now + this.#ahead_ms - this.now) >= 950) this.now = now + this.#ahead_ms;
  }

  /** Prove within 2 s that the page shows the present: a person is back in front of it. */
  #returned(): void {
    if (!this.user || this.ended) return;
    this.#clock_ms = Date.now();
    void this.#keepAwake();
    this.#unproved_ms = this.#clock_ms;
    this.#stream?.check();
    this.#reload();
    void alarms.read(true);
  }

  #use(): void {
    if (!this.user || this.ended || Date.now() - this.#used_ms < USE_EVERY_MS) return;
    this.#used_ms = Date.now();
    void get("me").catch(() => undefined);
  }

  #received(): void {
    this.#received_ms = this.#clock_ms = Date.now();
    this.#receivedTicks_ms = performance.now();
    this.now = this.#received_ms + this.#ahead_ms; // a browser may delay the timer of a hidden tab by a minute
  }

  #reload(): void {
    this.hazards += 1;
    this.tickets += 1;
    this.orders += 1;
    this.silences += 1;
    this.drills += 1;
    void alarms.read();
  }

  #receive(news: News): void {
    if (!this.user) return;
    if ("event" in news) {
      this.#received();
      this.#apply(news.event);
      return;
    }
    const back = news.connection === "live" && this.connection !== "live";
    this.connection = news.connection;
    if (news.connection === "ended") this.#end();
    if (back) void this.#read().catch(() => undefined); // changes of the gap; perhaps another person, by another tab
  }

  #apply(event: ServerEvent): void {
    const seen = document.visibilityState === "visible"; // a hidden tab reads its lists when a person returns
    if (seen && (event.type === "hazard" || event.type === "sensor")) this.#raise("hazards");
    if (seen && event.type === "ticket") this.#raise("tickets");
    if (event.type === "order") this.orders += 1;
    if (event.type === "silence") this.silences += 1;
    if (event.type === "drill") this.drills += 1;
    if (["hazard", "sensor", "silence", "condition"].includes(event.type)) void alarms.read();
    if (event.type === "reset") this.#reload();
    if (event.type === "heartbeat") {
      this.#setClock(event.data);
      alarms.beat();
    }
  }

  /** Let lists read again: at once, then at most every second while events follow each other. */
  #raise(name: "hazards" | "tickets"): void {
    if (this.#raised.has(name)) return void this.#raised.set(name, true);
    this[name] += 1;
    this.#raised.set(name, false);
    setTimeout(() => {
      const again = this.#raised.get(name);
      this.#raised.delete(name);
      if (again) this.#raise(name);
    }, LISTS_MS);
  }

  #setClock(data: string): void {
    try {
      const now = Date.parse((JSON.parse(data) as { now: string }).now);
      if (!Number.isNaN(now)) this.#ahead_ms = now - Date.now();
    } catch {
      // a heartbeat without a time still proves the connection
    }
  }
}

/** Return the code of a display account in the address, "" without one. */
function displayCode(): string {
  return location.hash.match(/^#\/display\/([\w.-]+)$/)?.[1] ?? "";
}

/** Exchange the code in the address for the cookie of its display, and remove it from the address. */
async function openDisplay(): Promise<void> {
  const code = displayCode();
  if (!code) return;
  await call("POST", "session/display", { body: { code } });
  history.replaceState(null, "", "#/wall");
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function firstTheme(): Theme {
  const kept = localStorage.getItem("twinward.theme");
  if (kept === "dark" || kept === "light") return kept;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export const shared = new Shared();
