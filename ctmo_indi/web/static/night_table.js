// The visits of a night as a table: what the chart shows, for reading and for keyboards.
import { html } from "./vendor/preact-htm.js";
import { airmass } from "./night_data.js";
import { clock, isNumber, number, span } from "./format.js";
import { plain, State } from "./words.js";

const OF = { planned: "PENDING", next: "SCHEDULED", running: "IN_PROGRESS" };

function heights(path) {
  if (!path.length) return { altitude: "–", mass: "–" };
  const [low, high] = [Math.min(...path), Math.max(...path)];
  const masses = [high, low].map((one) => (one >= 0 ? number(airmass(one), 2) : "–"));
  const both = (a, b) => (a === b ? a : `${a} – ${b}`);
  return { altitude: both(number(path[0], 0, "°"), number(path[path.length - 1], 0, "°")), mass: both(...masses) };
}

export function NightTable({ view, rows, chosen, near }) {
  const planned = view.plan?.number_of_visits ?? 0;
  const left_out = Math.max(0, planned - (view.plan?.visits.length ?? 0)) + Math.max(0, view.number_done - view.done.length);
  return html`<section class="panel" aria-labelledby="visits-head">
    <header><h2 id="visits-head">Visits</h2><span class="dim small">${view.number_done} begun, ${planned} to come${left_out ? `; ${left_out} are not shown` : ""}</span></header>
    ${rows.length
      ? html`<div class="scroll"><table class="visits"><caption class="unseen">visits of the night, in order of time</caption>
          <thead><tr><th>UTC</th><th>object</th><th>filter</th><th class="number">frames</th><th class="number">altitude</th><th class="number">air mass</th><th>state</th><th></th></tr></thead>
          <tbody>${rows.map((row) => html`<${Row} key=${`${row.receipt} ${row.start}`} row=${row} is_chosen=${row === chosen} near=${near} />`)}</tbody></table></div>`
      : html`<p class="empty">Nothing was done and nothing is planned in this night.</p>`}
  </section>`;
}

function Row({ row, is_chosen, near }) {
  const { altitude, mass } = heights(row.altitude_deg);
  const frames = isNumber(row.count) && row.count ? `${row.count} × ${number(row.exposure_s, row.exposure_s < 10 ? 1 : 0, "s")}` : "";
  return html`<tr class=${is_chosen ? "chosen" : ""}>
    <td class="nowrap">${clock(row.start_ms, near)} – ${clock(row.until_ms || row.end_ms, near)}<span class="dim small"> ${span(((row.until_ms || row.end_ms) - row.start_ms) / 1000)}</span></td>
    <td class="wrap object"><b>${row.label}</b>${row.reason ? html`<div class="dim small">${row.reason}</div>` : null}</td><td>${row.filter}</td><td class="number">${frames}</td>
    <td class="number">${altitude}</td><td class="number">${mass}</td>
    <td><${State} of="order" word=${OF[row.state] ?? row.word} text=${row.state === "planned" || row.state === "next" ? row.state : plain(row.word).toLowerCase()} /></td>
    <td>${row.receipt ? html`<a href=${`#orders/${encodeURIComponent(row.receipt)}`} aria-label=${`explain ${row.label} ${row.filter}`}>explain</a>` : null}</td></tr>`;
}
