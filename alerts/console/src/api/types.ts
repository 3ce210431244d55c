/** Response types. `schema.ts` is generated from the API by `npm run types`; this module adds aliases for the console. */
import type * as api from "./schema";

export type {
  Accounting,
  AlarmLoad,
  Action,
  ActionField,
  Battery,
  Both,
  BrokerState,
  BrokerTest,
  BlindRoom,
  BumpTestList,
  Camera,
  Clock,
  Clause,
  ChatterList,
  Condition,
  Coverage,
  DangerKind,
  Detection,
  Detector,
  Detectors,
  DeviceAccounting,
  DeviceCounts,
  DeviceAccount,
  Display,
  Drill,
  DrillList,
  DrillPlan,
  DrillPlanList,
  DrillSheet,
  SilentDrill,
  SilentDrillList,
  Forecast,
  Handover,
  HandoverDraft,
  HazardDetail,
  HistoryEntry,
  InspectionBody,
  InspectionKindBody,
  InspectionSheet,
  Loop,
  MovedList,
  LoopStep,
  NewDisplay,
  Offender,
  Overview,
  Photo,
  PostCounts,
  PostList,
  Push,
  PushBrowser,
  Recorded,
  Roster,
  NeedBody,
  TrainingPlan,
  PlaceCode,
  Person,
  Plan,
  PlanFloor,
  PlanPicture,
  PlanPlace,
  PlanPosition,
  PlanZone,
  QuarantinedMessage,
  Readings,
  ReportPlace,
  RoutePreview,
  EntryBody,
  SheetItem,
  SheetStop,
  DueKind,
  PlanBody,
  Outcomes,
  ReportStatus,
  ScoreParts,
  SupervisedSchool,
  SupervisedSchools,
  Reprocessing,
  MapPoint,
  RiskMap,
  RiskMethod,
  RegisterPoint,
  RegisterPointDetail,
  RegisterZoneBody,
  RegisterHistory,
  Template,
  Written,
  Archive,
  ArchiveList,
  Document,
  SiteRisk,
  RiskPoint,
  Graded,
  Session,
  SensorTest,
  SetUpState,
  Sheet,
  Silence,
  SilenceList,
  Site,
  Tally,
  Ticket,
  TicketDetail,
  TimelineEntry,
  Times,
  WrongField,
  Zone,
} from "./schema";

export type Colour = api.Hazard["grade"];
export type Hazard = api.Hazard;
export type HazardState = api.Hazard["state"];
export type SensorState = api.Sensor["state"];

export type Candidate = api.PreviewCandidate;
export type Preview = api.RulePreview;

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** An evacuation or lockdown with its receipts. */
export type EmergencyOrder = api.EmergencyOrderBody;

export type HazardForecast = api.HazardForecast;

/** A sensor with grade and forecast of the open hazards on it; the console joins them. */
export type Sensor = api.Sensor & { grade?: Colour | null; forecast?: HazardForecast | null };
