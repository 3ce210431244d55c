/** A ticket in words: place and kind first; its title follows as the detail. */
import type { Ticket } from "../api/types";
import { say, t } from "../words/words.svelte";

/** Return place and kind, such as "Dormitory 2, room 302: Fire". */
export const ticketHeadline = (ticket: Ticket): string => t("headline", { place: say(ticket.place_name) || ticket.place, kind: say(ticket.danger.kind_name) });
