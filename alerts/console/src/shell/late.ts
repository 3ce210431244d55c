/** Pages whose script loads when they are opened. Wall, hazards and sign-in are part of the first script. */
import type { Component } from "svelte";
import type { Route } from "../router.svelte";

export type Load = () => Promise<{ default: Component<Record<string, unknown>> }>;
/** Page of a route. key: the page starts anew when it changes. */
export interface Late {
  load: Load;
  props: Record<string, unknown>;
  key: string;
}
type Loads<Props extends Record<string, unknown>> = () => Promise<{ default: Component<Props> }>;

const [scan, mine, placeTickets] = [() => import("../offline/Scan.svelte"), () => import("../offline/Mine.svelte"), () => import("../offline/PlaceTickets.svelte")];
const publicReport = () => import("../dangers/PublicReport.svelte");
const setup = () => import("./Setup.svelte");
const simple: Record<string, Loads<Record<string, never>>> = {
  tickets: () => import("../tickets/Board.svelte"),
  mine,
  scan,
  dangers: () => import("../dangers/DangerList.svelte"),
  "dangers/new": () => import("../dangers/DangerForm.svelte"),
  "dangers/codes": () => import("../dangers/PlaceCodes.svelte"),
  "dangers/guide": () => import("../dangers/Guide.svelte"),
  sensors: () => import("../sensors/SensorList.svelte"),
  "sensors/inbox": () => import("../sensors/Inbox.svelte"),
  plan: () => import("../plan/Plan.svelte"),
  "plan/edit": () => import("../plan/PlanEditor.svelte"),
  register: () => import("../register/Register.svelte"),
  needsYou: () => import("../inspections/NeedsYou.svelte"),
  inspections: () => import("../inspections/Inspections.svelte"),
  riskMap: () => import("../register/RiskMapPage.svelte"),
  accounting: () => import("../accounting/Accounting.svelte"),
  detectors: () => import("../detectors/DetectorList.svelte"),
  handover: () => import("../handover/HandoverPage.svelte"),
  supervision: () => import("../supervision/SupervisionPage.svelte"),
  coverage: () => import("../coverage/CoveragePage.svelte"),
  load: () => import("../load/AlarmLoad.svelte"),
  posts: () => import("../posts/PostsPage.svelte"),
  accounts: () => import("../posts/AccountsPage.svelte"),
  displays: () => import("../displays/Displays.svelte"),
};
const detailed: Record<string, (rest: string) => Omit<Late, "key">> = {
  tickets: of(() => import("../tickets/TicketPage.svelte"), (id) => ({ id })),
  sensors: of(() => import("../sensors/SensorPage.svelte"), (id) => ({ id })),
  register: of(() => import("../register/PointPage.svelte"), (rest) => ({ rest })),
  inspections: of(() => import("../inspections/InspectionPage.svelte"), (id) => ({ id })),
  detectors: of(() => import("../detectors/DetectorPage.svelte"), (rule) => ({ rule })),
};
/** Pages that take the rest of the address, also an empty one. */
const open: typeof detailed = {
  report: of(placeTickets, (code) => ({ code })),
  orders: of(() => import("../orders/OrdersPage.svelte"), (wanted) => ({ wanted })),
  drills: of(() => import("../drills/DrillsPage.svelte"), (wanted) => ({ wanted })),
  silences: of(() => import("../silences/SilencesPage.svelte"), (rest) => ({ rest })),
};

function of<Props extends Record<string, unknown>>(load: Loads<Props>, props: (rest: string) => Props): (rest: string) => Omit<Late, "key"> {
  return (rest) => ({ load: load as unknown as Load, props: props(rest) });
}

/** Return the page of a route of a signed-in person; null if no page has this address. */
export function pageOf({ name, rest }: Route): Late | null {
  const plain = simple[`${name}/${rest}`] ?? (rest && detailed[name] ? undefined : simple[name]);
  if (plain) return { load: plain as unknown as Load, props: {}, key: "" };
  const made = (rest ? detailed[name] : undefined) ?? open[name];
  return made ? { ...made(rest), key: rest } : null;
}

/** Page of the first set-up. */
export const setUp = of(setup, (code) => ({ code }));
/** Page of a person who scanned a place code, or who reads the state of a report. */
export const reportOf = of(publicReport, (rest) => ({ code: rest, number: "" }));
export const receiptOf = of(publicReport, (number) => ({ code: "", number }));
