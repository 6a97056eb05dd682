// The tab Log: what happens, as it happens; by service, kind and text; it can be held.
import { html, useState } from "./vendor/preact-htm.js";
import { attemptNames, lineOf, namedLine, receiptsOf, toneOf } from "./event_words.js";
import { seconds } from "./format.js";
import { useNames } from "./order_names.js";
import { useStore } from "./store.js";

const SHOWN = 250;
const QUIET = new Set([
  "detailedState",
  "heartbeat",
  "largeFileObjectAvailable",
  "timeToNextTarget",
  "generalInfo",
  "observatoryState",
]);
const MARKS = { bad: "✖", warn: "▲" };

export default function Log({ store, order }) {
  const events = useStore(store, (s) => s.events);
  const [held, setHeld] = useState(null);
  const [service, setService] = useState("");
  const [kind, setKind] = useState("");
  const [text, setText] = useState("");
  const all = held ?? events;
  const kinds = [...new Set(all.map((event) => event.Kind))].sort();
  const services = [...new Set(all.map((event) => event.service))].sort();
  const attempts = attemptNames(all);
  const wanted = text.toLowerCase();
  const found = all.filter(
    (event) =>
      (!service || event.service === service) &&
      (kind ? event.Kind === kind : !QUIET.has(event.Kind)) &&
      (!wanted || `${event.Kind} ${event.Subject} ${attempts.get(event.Subject) ?? ""} ${lineOf(event)}`.toLowerCase().includes(wanted)),
  );
  const shown = found.slice(-SHOWN).reverse();
  const names = useNames([...new Set(shown.flatMap(receiptsOf))], order);
  return html`<section class="panel" aria-labelledby="log-head">
    <header><h2 id="log-head">Log</h2><span class="dim small">${found.length} of ${all.length} events, newest first${held ? `; held, ${events.length && held.length ? events.slice(events.lastIndexOf(held.at(-1)) + 1).length : 0} new` : ""}</span></header>
    <div class="row">
      <select aria-label="service" value=${service} onChange=${(e) => setService(e.target.value)}><option value="">every service</option>${services.map((one) => html`<option value=${one}>${one}</option>`)}</select>
      <select aria-label="kind" value=${kind} onChange=${(e) => setKind(e.target.value)}><option value="">every kind but the quiet ones</option>${kinds.map((one) => html`<option value=${one}>${one}</option>`)}</select>
      <input type="search" aria-label="search the log" placeholder="search" value=${text} onInput=${(e) => setText(e.target.value)} />
      <button aria-pressed=${held ? "true" : "false"} onClick=${() => setHeld(held ? null : events)}>${held ? "Go on" : "Hold"}</button>
    </div>
    ${
      shown.length
        ? html`<ol class="log" aria-label="events" tabindex="0">${shown.map((event) => {
            const tone = toneOf(event);
            return html`<li key=${`${event.service} ${event.Revision} ${event.UTC}`} class=${tone} title=${event.Subject}><span class="number dim">${seconds(event.UTC)}</span><span class="from dim">${event.service}</span>
        <span class="what">${tone ? html`<span aria-hidden="true">${MARKS[tone]} </span>` : null}<b>${event.Kind}</b></span><span class="said">${namedLine(event, names, attempts)}</span></li>`;
          })}</ol>`
        : html`<p class="empty">${all.length ? "None of the events matches." : "Nothing has happened yet."}</p>`
    }
  </section>`;
}
