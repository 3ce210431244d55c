/** Work of a school that waits for a person, by harm and time: one decision a card. */
import { all, get } from "../api/client";
import type { Colour, DueKind, Hazard, InspectionBody, PostList, NeedBody, RiskPoint, SilenceList, Ticket, TrainingPlan } from "../api/types";
import { link } from "../router.svelte";
import { ticketHeadline } from "../tickets/headline";
import { brief, stamp } from "../times";
import { coded, say, t, type Word } from "../words/words.svelte";

/** verb: text of the button; object: the thing to decide on; effect: the reason to do it now. */
export interface Need {
  key: string;
  verb: string;
  object: string;
  effect: string;
  href: string;
  grade: Colour;
  due: number | null;
}

const DAY_MS = 86_400_000;
const TRAINING_DAYS = 14;
const BLIND = ["detector_lost", "camera_blind"];
const HARM: Record<Colour, number> = { red: 8, orange: 4, yellow: 2, blue: 1 };
const OVERDUE = 4, TODAY = 2;
/** Next step of the officer by the state of a ticket. */
const STEP: Record<string, Word> = { found: "needsRegister", registered: "needsGrading", graded: "needsAssign", submitted: "needsReview", in_review: "needsReview" };

/** Return harm x time: an overdue one counts four times, one due within a day twice. */
export function urgency(need: Need, now: number): number {
  const left = need.due === null ? DAY_MS : need.due - now;
  return HARM[need.grade] * (left < 0 ? OVERDUE : left < DAY_MS ? TODAY : 1);
}

/** Read all work that waits for the officer of a school, the most urgent first. username: account of the caller. */
export async function gather(site: string, now: number, username: string): Promise<Need[]> {
  const path = encodeURIComponent(site);
  const [points, tickets, silences, due, missed, open, without, posts, training] = await Promise.all([
    all<RiskPoint>("risk-points", { site }),
    all<Ticket>("tickets", { site, needs_me: true }),
    get<SilenceList>(`silences/${path}`),
    get<{ items: DueKind[] }>(`inspections/${path}/due`),
    all<InspectionBody>("inspections", { site, state: "missed" }),
    all<Hazard>("hazards", { site, state: "open" }),
    all<Hazard>("hazards", { site, state: "open", kind: "detector_missing" }),
    get<PostList>(`posts/${path}`),
    get<TrainingPlan>(`training/${path}`),
  ]);
  const found = [
    ...[...open.filter((one) => BLIND.includes(one.kind)), ...without].filter((one) => one.active && !one.drill).map(ofBlind),
    ...tickets.filter((one) => !one.drill).map(ofTicket),
    ...points.filter((one) => one.provisional && !one.provisional.decision).map((one) => ofPoint(one, site)),
    ...silences.items.filter((one) => !one.ended_at && one.ends_at && Date.parse(one.ends_at) < now + DAY_MS).map(
      (one): Need => ({ key: `silence ${one.id}`, verb: t("needsLook"), object: `${t("needsSilence")}${t("colon")}${say(one.place_name)} ${one.reason}`, effect: t("needsSilenceEffect", { at: stamp(one.ends_at) }), href: link("silences"), grade: "yellow", due: Date.parse(one.ends_at ?? "") }),
    ),
    ...missed.map((one): Need => ({ key: `missed ${one.id}`, verb: t("needsLook"), object: `${t("needsMissed")}${t("colon")}${say(one.name)}`, effect: t("needsMissedEffect", { at: stamp(one.begin) }), href: link("inspections", one.id), grade: "yellow", due: Date.parse(one.end) })),
    ...due.items.map((one): Need => ({ key: `due ${one.kind}`, verb: t("needsInspect"), object: say(one.name), effect: t("needsInspection"), href: link("inspections"), grade: "blue", due: now })),
    ...ofDuties(posts.gaps.length, training.plan.filter((one) => one.state === "lapsed").length),
    ...ofTraining(training, now, (one) => one.person.account === username || one.days_left >= 0),
  ];
  return ranked(found, now);
}

/** Read the work that waits for a person without the duties of the officer: tickets of its roles, its own training. */
export async function gatherOwn(site: string, now: number, username: string): Promise<Need[]> {
  const [tickets, training] = await Promise.all([all<Ticket>("tickets", { site, needs_me: true }), get<TrainingPlan>(`training/${encodeURIComponent(site)}`)]);
  return ranked([...tickets.filter((one) => !one.drill).map(ofTicket), ...ofTraining(training, now, (one) => one.person.account === username)], now);
}

const ranked = (found: Need[], now: number): Need[] =>
  found.sort((one, other) => urgency(other, now) - urgency(one, now) || (one.due ?? Infinity) - (other.due ?? Infinity) || one.key.localeCompare(other.key));

/** Return the training that ends within 14 days or has ended, each person and course once. */
function ofTraining({ plan, courses }: TrainingPlan, now: number, wanted: (one: NeedBody) => boolean): Need[] {
  const near = plan.filter((one) => one.days_left <= TRAINING_DAYS && wanted(one));
  const single = new Map(near.map((one) => [`training ${one.course} ${one.person.person}`, one] as const));
  return [...single].map(([key, one]) => {
    const course = say(courses.find((known) => known.id === one.course)?.name) || one.course;
    const lapsed = one.state === "lapsed";
    const word: Word = one.held_on ? (lapsed ? "needsTrainingLapsed" : "needsTrainingDue") : lapsed ? "needsTrainingNever" : "needsTrainingFirst";
    const effect = t(word, { at: one.until, n: one.days_left });
    return { key, verb: t("needsLook"), object: `${t("needsTraining")}${t("colon")}${say(one.person.name)} · ${course}`, effect, href: link("posts"), grade: "yellow", due: now + (one.days_left + 1) * DAY_MS };
  });
}

const ofBlind = (one: Hazard): Need => ({ key: `hazard ${one.id}`, verb: t("needsLook"), object: say(one.text), effect: t("needsBlindEffect"), href: link("hazards", one.id), grade: one.grade, due: null });

function ofTicket(one: Ticket): Need {
  const due = one.due_at ? Date.parse(one.due_at) : null;
  const when = one.due_at ? t(one.overdue ? "needsOverdue" : "needsDue", { at: brief(one.due_at) }) : "";
  const effect = [one.major ? t("major") : "", when, say(one.title)].filter(Boolean).join(" · ");
  return { key: `ticket ${one.id}`, verb: t(STEP[one.state] ?? "needsLook"), object: ticketHeadline(one), effect, href: link("tickets", one.id), grade: one.major ? "red" : one.grade, due };
}

function ofPoint(one: RiskPoint, site: string): Need {
  const grade = one.provisional?.grade ?? one.approved_grade;
  return { key: `point ${one.id}`, verb: t("needsConfirm"), object: say(one.name), effect: t("needsGradeEffect", { grade: coded("grade", grade) }), href: link("register", site, one.id), grade, due: null };
}

function ofDuties(gaps: number, lapsed: number): Need[] {
  const made: Need[] = [];
  if (gaps) made.push({ key: "posts", verb: t("needsName"), object: t("needsGaps", { n: gaps }), effect: t("needsGapsEffect"), href: link("posts"), grade: "yellow", due: null });
  if (lapsed) made.push({ key: "training", verb: t("needsLook"), object: t("needsLapsed", { n: lapsed }), effect: t("needsLapsedEffect"), href: link("posts"), grade: "yellow", due: null });
  return made;
}
