// Why an order can or cannot begin: the words and constraints of an Explain order.
import { html, useState } from "./vendor/preact-htm.js";
import { clock, dateTime, isNumber, number, span } from "./format.js";
import { instantOf } from "./order_fields.js";
import { State } from "./words.js";

const LONGEST_MS = 45000; // a year is looked at when the sky does not allow it

/** `name` stands for the receipt in the desk's words. */
export function Explanation({ receipt, name, store, order }) {
  const [answer, setAnswer] = useState(null);
  const [busy, setBusy] = useState(false);
  const [at, setAt] = useState("");
  const ask = async () => {
    setBusy(true);
    setAnswer(
      await order(
        "scheduler",
        { WOType: "Explain", Receipt: receipt, ...(at.trim() ? { At: instantOf(at) ?? at.trim() } : {}) },
        LONGEST_MS,
      ),
    );
    setBusy(false);
  };
  const it = answer?.reply;
  return html`<section class="panel" aria-labelledby="explain-head">
    <header><h2 id="explain-head">Why, and when?</h2>
      <form class="row" onSubmit=${(e) => {
        e.preventDefault();
        ask();
      }}>
        <label class="dim small" for="explain-at">at (UTC)</label><input id="explain-at" type="text" placeholder="now" title="such as 2026-11-24 03:00" autocomplete="off" value=${at} onInput=${(e) => setAt(e.target.value)} />
        <button type="submit" class="primary" aria-disabled=${busy}>${busy ? "asking …" : "Explain"}</button></form></header>
    <div aria-live="polite" class="stack">
      ${answer?.fault ? html`<p class="message bad">${answer.fault.text}</p>` : null}
      ${it ? html`<${Said} it=${it} receipt=${receipt} name=${name} near=${store.sky_ms()} />` : answer ? null : html`<p class="dim">Says whether it can begin, what keeps it, and when it comes next.</p>`}
    </div>
  </section>`;
}

function Said({ it, receipt, name, near }) {
  const said = it.Words?.length ? it.Words : [it.Message, ...(it.Reasons ?? [])];
  const words = said.map((text) => String(text ?? "").replaceAll(receipt, name || receipt));
  return html`
    <p>${html`<${State} of="indi" word=${it["Can Start"] ? "Ok" : "Alert"} text=${it["Can Start"] ? "can begin" : "cannot begin"} />`} <span class="dim">at ${dateTime(it.At)}${it["Next Start"] ? html`; next at <b>${dateTime(it["Next Start"])}</b>` : ""}</span></p>
    <ul class="reasons">${words.map((text) => html`<li class="wrap">${text}</li>`)}</ul>
    ${it.Starts?.length ? html`<p class="wrap">In the night of ${it.Night} it can begin: ${it.Starts.map((row) => `${clock(row.From, near)} – ${clock(row.To, near)}`).join(", ")}${isNumber(it.Visit) ? html` <span class="dim">(it takes ${span(it.Visit)})</span>` : ""}</p>` : null}
    ${
      it.Constraints?.length
        ? html`<div class="scroll"><table class="constraints"><caption class="unseen">constraints</caption><thead><tr><th>met</th><th>constraint</th><th class="number">value</th><th class="number">limit</th><th class="desk">asked by</th></tr></thead>
        <tbody>${it.Constraints.map(
          (
            row,
          ) => html`<tr><td><${State} of="indi" word=${row.Met ? "Ok" : "Alert"} text=${row.Met ? "met" : "not met"} /></td>
          <td class="wrap">${row.Name}${isNumber(row.Value) ? null : html`<div class="dim small">${row.Text}</div>`}</td>
          <td class="number">${isNumber(row.Value) ? number(row.Value, 1, row.Unit === "deg" ? "°" : row.Unit) : ""}</td>
          <td class="number">${isNumber(row.Limit) ? `${row.Sense ?? ""} ${number(row.Limit, 1, row.Unit === "deg" ? "°" : row.Unit)}` : ""}</td><td class="desk">${row["Asked By"] ?? ""}</td></tr>`,
        )}</tbody></table></div>`
        : null
    }
    ${it.Plan ? html`<p class="wrap dim">In the plan: ${it.Plan.Planned ? `planned, ${clock(it.Plan.Start, near)} – ${clock(it.Plan.End, near)}` : `not planned${it.Plan["Best Start"] ? `; its best place would be ${clock(it.Plan["Best Start"], near)} – ${clock(it.Plan["Best End"], near)}` : ""}`}</p>` : null}`;
}
