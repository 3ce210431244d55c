/** Response types. `schema.ts` is generated from the API by `npm run types`; this module adds aliases for the console. */
import type * as api from "./schema";

export type {
  Accounting,
  Action,
  ActionField,
  Battery,
  Both,
  Clock,
  Condition,
  Detection,
  DeviceAccounting,
  DeviceCounts,
  Display,
  HazardDetail,
  HistoryEntry,
  NewDisplay,
  Person,
  QuarantinedMessage,
  Readings,
  Reprocessing,
  Session,
  Site,
  Tally,
  Ticket,
  TicketDetail,
  Times,
  WrongField,
  Zone,
} from "./schema";

export type Colour = api.Hazard["grade"];
export type Hazard = api.Hazard;
export type HazardState = api.Hazard["state"];
export type SensorState = api.Sensor["state"];

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** A sensor with the grade of the gravest open hazard on it; the console joins both. */
export type Sensor = api.Sensor & { grade?: Colour | null };
