// Why nothing begins: the one thing that holds everything, then a few lines with names of objects.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { clock, number } from "./format.js";
import { spansAbove } from "./night_data.js";
import { useNames } from "./order_names.js";
import { grouped } from "./reasons.js";

const SHOWN_NAMES = 4;
const SHOWN_GROUPS = 4;

/** `first`: lines of this page itself, before the scheduler's. */
export function Reasons({ store, order, scheduler, first = [] }) {
  const { sun, all, groups, receipts } = grouped(scheduler.Reasons ?? []);
  const names = useNames(receipts, order);
  const pending = scheduler["Order Counts"]?.PENDING ?? 0;
  const lines = [...first, ...all];
  const [shown, rest] = [groups.slice(0, SHOWN_GROUPS), groups.slice(SHOWN_GROUPS)];
  if (!sun && !lines.length && !groups.length) return null;
  const row = (group) => html`<li class="wrap" key=${group.text}>${group.text}: <${Objects} receipts=${group.receipts} names=${names} /></li>`;
  return html`<div class="why">
    ${sun ? html`<p class="wrap"><${SunHolds} store=${store} sun=${sun} /></p>` : null}
    ${lines.length || shown.length ? html`<ul class="reasons">${lines.map((text) => html`<li class="wrap">${text}</li>`)}${shown.map(row)}</ul>` : null}
    ${rest.length ? html`<details><summary>${rest.length} more ${rest.length === 1 ? "reason" : "reasons"}</summary><ul class="reasons">${rest.map(row)}</ul></details>` : null}
    ${groups.length && pending > receipts.length ? html`<p class="dim small">Of ${pending} orders that wait these are the first ${receipts.length}; each one's own page explains it.</p>` : null}
  </div>`;
}

/** "M 45, M 1 and 12 more"; the others are shown when that is pressed. */
function Objects({ receipts, names }) {
  if (!receipts.every((one) => names.has(one))) return html`${receipts.length} ${receipts.length === 1 ? "order" : "orders"}`;
  const counts = new Map();
  for (const one of receipts) counts.set(names.get(one), (counts.get(names.get(one)) ?? 0) + 1);
  const listed = [...counts].map(([name, count]) => (count > 1 ? `${name} (${count} orders)` : name));
  const few = listed.length <= SHOWN_NAMES + 1 ? listed : listed.slice(0, SHOWN_NAMES);
  const more = listed.slice(few.length);
  return html`${few.join(", ")}${more.length ? html`<details class="inline"><summary>and ${more.length} more</summary>${more.join(", ")}</details>` : null}`;
}

/** What the Sun does, and when it lets the night begin: read off the night's curve. */
function SunHolds({ store, sun }) {
  const [night, setNight] = useState(null);
  useEffect(() => {
    let is_shown = true;
    get("/api/night").then((view) => is_shown && setNight(view), () => undefined); // without it: no time is said
    return () => (is_shown = false);
  }, []);
  const now = store.sky_ms();
  const ups = night ? spansAbove(night.utc_s, night.sun_deg, sun.limit_deg) : [];
  const begins = ups.map((one) => one.to).find((ms) => ms && ms > now);
  const is_over = night && !begins && ups.some((one) => one.from && one.from <= now);
  const what = sun.altitude_deg > -0.833 ? "The Sun is up" : `The Sun is at ${number(sun.altitude_deg, 1, "°")}, not yet below ${number(sun.limit_deg, 0, "°")}`;
  return html`<b>${is_over ? what.replace("not yet", "no more") : what}</b>${begins ? html`; night begins at <b class="number">${clock(begins, now)}</b> UTC` : is_over ? "; the night is over" : ""}.`;
}
