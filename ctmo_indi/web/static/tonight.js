// The tab Tonight: altitude against time of what was done, runs and is planned; the same as a table.
import { html, useMemo, useState } from "./vendor/preact-htm.js";
import { at_ms, clock, isNumber, number } from "./format.js";
import { NightChoice } from "./night_choice.js";
import { rowsOf, spansAbove, useNight } from "./night_data.js";
import { NightTable } from "./night_table.js";
import { readout, rowWords, TonightChart } from "./tonight_chart.js";
import { useStore } from "./store.js";

const HINT = matchMedia("(pointer: coarse)").matches
  ? "Tap a visit for its height and times."
  : "Point at the chart, or move with the arrow keys; drag to look closer, double-click for the whole night.";

export default function Tonight({ store }) {
  const [night, setNight] = useState("");
  useStore(store, (s) => s.hello);
  const { view, error } = useNight(store, night);
  return html`<div class="stack">
    ${view ? html`<${Night} key=${view.night} store=${store} view=${view} chosen_night=${night} onNight=${setNight} error=${error} />`
      : html`<section class="panel"><header><h2>Night</h2><${NightChoice} night=${night} onNight=${setNight} /></header>
          ${error ? html`<p class="message bad" role="alert">${error}</p>` : html`<p class="empty">asking …</p>`}</section>`}
  </div>`;
}

function Night({ store, view, chosen_night, onNight, error }) {
  const [chosen, setChosen] = useState("");
  const [pointed, setPointed] = useState(null); // {ms, altitude_deg}
  const rows = useMemo(() => rowsOf(view), [view]);
  const key = (row) => `${row.receipt} ${row.start}`;
  const near = at_ms(view.begin) + 6 * 3600e3;
  const under = pointed ? readout(view, rows, pointed.ms, pointed.altitude_deg) : null;
  const row = under ?? rows.find((one) => key(one) === chosen) ?? null;
  const words = under ? rowWords(under, pointed.ms, near) : pointed ? skyWords(view, pointed.ms, near) : row ? rowWords(row, NaN, near) : "";
  const onPoint = (ms, altitude_deg) => setPointed(isNumber(ms) ? { ms, altitude_deg } : null);
  return html`
    <section class="panel" aria-labelledby="night-head">
      <header><h2 id="night-head">Night of ${view.night.slice(0, 4)}-${view.night.slice(4, 6)}-${view.night.slice(6)}</h2>
        <${NightChoice} night=${chosen_night} shown=${view.night} onNight=${onNight} /></header>
      ${[...view.trouble, ...(error ? [error] : [])].map((text) => html`<p class="message warn" role="alert">${text}</p>`)}
      <${PlanWords} view=${view} near=${near} />
      <${TonightChart} store=${store} view=${view} rows=${rows} chosen=${row} words=${words || "no visit chosen"}
        onChoose=${(one) => setChosen(one ? key(one) : "")} onPoint=${onPoint} />
      <p class="readout" aria-live="polite">${words || html`<span class="dim">${HINT}</span>`}</p>
      <${Legend} view=${view} />
      <${SkyTimes} view=${view} near=${near} />
    </section>
    ${view.holds.length ? html`<${Holds} view=${view} near=${near} />` : null}
    <${NightTable} view=${view} rows=${rows} chosen=${row} near=${near} />`;
}

function PlanWords({ view, near }) {
  const { plan } = view;
  if (!plan) return html`<p class="dim wrap">No plan: ${view.no_plan || "there is none"}.</p>`;
  const count = plan.number_of_visits;
  return html`<div class="stack tight">
    ${view.no_plan ? html`<p class="dim wrap">No plan: ${view.no_plan}. The visits to come are what is predicted.</p>` : null}
    ${plan.refused ? html`<p class="message warn wrap">The plan is not followed: ${plan.refused}</p>` : null}
    ${plan.preview ? html`<p class="message wrap">Not followed yet: ${plan.preview}</p>` : null}
    <p>${count === 0 ? "Nothing more is planned" : `${count} ${count === 1 ? "visit" : "visits"} to come`}<span class="dim">${plan.made ? `, as ${view.no_plan ? "predicted" : "planned"} at ${clock(plan.made, near)}` : ""}${
      isNumber(plan.gap) ? `: within ${number(100 * plan.gap, plan.gap < 0.001 ? 2 : 1)} % of the best possible, ${number(100 * plan.filled, 0)} % of the time observed` : ""}</span></p>
  </div>`;
}

const SAMPLES = {
  done: { text: "done", line: html`<path d="M2 8H30" stroke="var(--good)" stroke-width="7" />` },
  running: { text: "runs", line: html`<path d="M2 8H18" stroke="var(--accent)" stroke-width="7" /><path d="M18 8H30" stroke="var(--accent)" stroke-width="2" stroke-dasharray="3 3" />` },
  planned: { text: "planned", line: html`<path d="M3 5.500H29V10.500H3Z" stroke="var(--text)" stroke-width="1.5" fill="none" />` },
  lost: { text: "not finished", line: html`<path d="M2 8H30" stroke="var(--bad)" stroke-width="7" /><path d="M11 3 21 13M21 3 11 13" stroke="var(--bad)" stroke-width="2" />` },
  moon: { text: "Moon", line: html`<path d="M2 8H30" stroke="var(--warn)" stroke-width="1.7" stroke-dasharray="6 4" />` },
  light: { text: "twilight", line: html`<path d="M2 2H16V14H2Z" fill="var(--warn)" opacity="0.3" /><path d="M16 2H30V14H16Z" fill="var(--warn)" opacity="0.12" />` },
  limit: { text: "out of limits", line: html`<path d="M2 2H30V14H2Z" fill="var(--dim)" opacity="0.3" /><path d="M2 2.500H30" stroke="var(--dim)" />` },
  hold: { text: "held by safety", line: html`<path d="M2 2H30V14H2Z" fill="var(--bad)" opacity="0.12" /><path d="M4 14 16 2M12 14 24 2M20 14 30 4" stroke="var(--bad)" opacity="0.6" />` },
};

function Legend({ view }) {
  const shown = ["done", "running", "planned", "lost", "moon", "light", "limit", ...(view.holds.length ? ["hold"] : [])];
  return html`<ul class="legend small dim" aria-hidden="true">${shown.map((id) => html`<li><svg width="32" height="16" viewBox="0 0 32 16">${SAMPLES[id].line}</svg>${SAMPLES[id].text}</li>`)}</ul>`;
}

function skyWords(view, ms, near) {
  const place = (ms / 1000 - view.utc_s[0]) / (view.utc_s[1] - view.utc_s[0]);
  const i = Math.min(view.utc_s.length - 1, Math.max(0, Math.round(place)));
  return `${clock(ms, near)} UTC: Sun at ${number(view.sun_deg[i], 0, "°")}, Moon at ${number(view.moon_deg[i], 0, "°")}`;
}

/** Twilight and Moon in words. */
function SkyTimes({ view, near }) {
  const of = (height) => spansAbove(view.utc_s, view.sun_deg.map((one) => -one), -height);
  const said = (spans, none, whole) =>
    spans.length === 0 ? none : spans.map(({ from, to }) => {
      if (from === null) return to === null ? whole : `until ${clock(to, near)}`;
      return to === null ? `from ${clock(from, near)}` : `${clock(from, near)} – ${clock(to, near)}`;
    }).join(", ");
  const kinds = new Map(view.twilight.map((span) => [span.kind, span]));
  const moon = spansAbove(view.utc_s, view.moon_deg, 0);
  const rows = [
    ["Sun below the horizon", of(-0.833)],
    [`dark enough to observe (Sun below ${number(view.limits.sun_max_altitude_deg, 0, "°")})`, of(view.limits.sun_max_altitude_deg)],
    ["astronomical night (Sun below −18°)", of(-18)],
  ];
  return html`<dl class="pairs small sky-times">
    ${rows.map(([name, spans]) => html`<dt>${name}</dt><dd class="nowrap">${said(spans, kinds.size === 1 && kinds.has("day") ? "never: midnight Sun" : "not in this night", "all the time")}</dd>`)}
    <dt>Moon, ${number(100 * view.moon_fraction, 0)} % lit, above the horizon</dt><dd class="nowrap">${said(moon, "not in this night", "all the time")}</dd>
  </dl>`;
}

function Holds({ view, near }) {
  return html`<section class="panel" aria-labelledby="holds-head"><h2 id="holds-head">Held by safety</h2>
    <div class="scroll"><table><thead><tr><th>from</th><th>to</th><th>verdict</th><th>why</th></tr></thead>
    <tbody>${view.holds.map((hold) => html`<tr><td class="number">${clock(hold.from, near)}</td><td class="number">${hold.to ? clock(hold.to, near) : "lasts"}</td><td>${hold.level}</td>
      <td class="wrap">${hold.reasons.join("; ")}</td></tr>`)}</tbody></table></div></section>`;
}

