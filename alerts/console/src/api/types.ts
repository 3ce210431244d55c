/** What the service sends; see the OpenAPI document at /api/v1. Times are RFC 3339 with offset. */
export interface Both {
  zh: string;
  en: string;
}
export type Colour = "red" | "orange" | "yellow" | "blue";
export interface List<T> {
  items: T[];
  next: string | null;
}
export interface User {
  username: string;
  name: Both | string;
  roles: string[];
  sites: string[] | null;
}
export interface Session {
  token: string;
  expires_at: string;
  user: User;
}
export interface Site {
  id: string;
  name: Both;
  size_m: [number, number] | null;
  grade: Colour | null;
}
export interface Place {
  id: string;
  name: Both;
  xy: [number, number] | null;
  floor: number | null;
}
export interface Zone {
  id: string;
  site: string;
  name: Both;
  key: string;
  polygon: [number, number][];
  grade: Colour | null;
  officer: string;
  fixer: string;
  places: Place[];
}
export interface Metric {
  name: string;
  unit: string;
  last_value: number | null;
  last_time: string | null;
  quality: string | null;
}
/** When a battery ends, by messages; days of UTC, null while too few messages came. */
export interface BatteryEnd {
  cell: string;
  used: number;
  left_low: number;
  left_high: number;
  per_day: number | null;
  earliest: string | null;
  latest: string | null;
  text: Both;
}
export type SensorState = "ok" | "hazard" | "silent" | "unknown";
export interface Sensor {
  code: number;
  id: string;
  site: string;
  kind: string;
  place: string;
  zone: string | null;
  profile: string;
  xy: [number, number] | null;
  period_s: number | null;
  gateway: string | null;
  assigned: boolean;
  ignored?: string | null;
  format?: string | null;
  first_heard?: string | null;
  last_heard?: string | null;
  limits?: Record<string, number[]>;
  metrics: Metric[];
  battery?: BatteryEnd | null;
  state: SensorState;
  grade?: Colour | null;
}
export interface Readings {
  sensor: string;
  metric: string;
  unit: string;
  step_s: number | null;
  points: (number | string | null)[][];
}
export interface Detection {
  id?: string;
  rule?: string;
  cause?: string;
  sensor: string;
  metric: string;
  value: number | null;
  limit: number | null;
  unit?: string;
  score?: number | null;
  level?: number;
  active?: boolean;
  cleared?: string | null;
  first?: string | null;
  last?: string | null;
  window?: { first?: string | null; last?: string | null } | [string | null, string | null] | null;
  text: Both;
  clears: Both;
}
export interface FourTimes {
  event: string | null;
  gateway: string | null;
  arrival: string | null;
  decision: string | null;
}
export type HazardState = "unacknowledged" | "acknowledged" | "returned" | "normal";
export interface Hazard {
  id: string;
  site: string;
  zone: string;
  place: string;
  place_name: Both;
  kind: string;
  grade: Colour;
  level: number;
  state: HazardState;
  active: boolean;
  late: boolean;
  drill: boolean;
  opened_at: string;
  updated_at: string;
  cleared_at: string | null;
  acknowledged_by: string | null;
  acknowledged_at: string | null;
  count: number;
  sensors: { id: string; metric: string }[];
  text: Both;
  clears: Both;
  ticket: { id: string; number: string; state: string } | null;
  times: FourTimes;
  method: string;
  likelihood: number;
  severity: number;
  version: number;
  detections?: Detection[];
}
export interface Field {
  name: string;
  type: string;
  required: boolean;
  label?: Both;
  choices?: (string | { value: string; name?: Both | string })[];
}
export interface Action {
  action: string;
  name: Both;
  fields: Field[];
}
export interface HistoryEntry {
  at: string;
  actor: string;
  action: string;
  name?: Both | null;
  from: string | null;
  to: string | null;
  note: string | null;
  fields: Record<string, unknown>;
}
export interface Ticket {
  id: string;
  number: string;
  hazard: string;
  site: string;
  zone: string;
  place: string;
  place_name: Both;
  kind: string;
  grade: Colour;
  major: boolean;
  state: string;
  state_name: Both;
  title: Both;
  opened_at: string;
  due_at: string | null;
  overdue: boolean;
  fixer: string | null;
  acceptor: string | null;
  version: number;
  drill: boolean;
  evidence: Detection[];
  actions: Action[];
  proved: boolean;
  history?: HistoryEntry[];
}
export interface Tally {
  received: number;
  stored: number;
  duplicate: number;
  quarantined: Record<string, number>;
  residual: number;
}
export interface Accounting {
  total: Tally;
  by: (Tally & { site: string; format: string })[];
  notices: Record<string, number>;
  log: Record<string, unknown>;
  store: Record<string, unknown>;
}
export interface DeviceTally extends Tally {
  missing: number;
  excess: number;
}
export interface DeviceAccounts extends List<DeviceTally & { sensor: string; kind: string }> {
  site: string;
  total: DeviceTally;
  remainder: DeviceTally;
}
export interface Clock {
  site: string;
  sensor: string;
  offset_s: number;
  bound_s: number;
  drift_ppm: number;
  since: string;
}
export interface Quarantined {
  replayable: boolean;
  arrival?: string;
  arrival_at?: string;
  site: string;
  format: string;
  topic: string;
  reason: string;
  detail: string;
  payload: string;
}
/** What the service says of itself: own faults, and alarms that it sent from memory because nothing can be stored. */
export interface OwnFault {
  part: string;
  cause: string;
  grade: Colour;
  since: string;
  text: Both;
}
export interface UnstoredAlarm {
  id: string;
  type: string;
  alarm_id: string;
  site: string;
  place: Both;
  grade: Colour;
  text: Both;
  told_at: string;
}
export interface Condition {
  faults: OwnFault[];
  alarms: UnstoredAlarm[];
}
