// What runs, since when and until when; what is next, when and why; or why nothing.
import { html } from "./vendor/preact-htm.js";
import { device } from "./device.js";
import { at_ms, clock, declination, isNumber, mjd_ms, number, rightAscension, span } from "./format.js";
import { Reasons } from "./now_reasons.js";
import { nameOf, useOrder, useOrders } from "./order_names.js";
import { useStore, useTick } from "./store.js";
import { plain, State } from "./words.js";

export function Run({ store, order }) {
  useTick(1);
  const scheduler = useStore(store, (s) => s.services.scheduler?.reply);
  useStore(store, (s) => s.services.telescope);
  const connected = useStore(store, (s) => s.connected);
  if (!scheduler)
    return html`<section class="panel two-thirds"><h2>What runs</h2><p class="empty">The scheduler has not answered yet.</p></section>`;
  const script = scheduler.Current?.Script ? scheduler.Current : null;
  return html`<section class="panel two-thirds" aria-labelledby="run-head">
    <header><h2 id="run-head">What runs</h2>
      <span class="row"><${State} of="summary" word=${connected ? scheduler["Summary State"] : "UNKNOWN"} /><span class="dim small">${!connected ? "old" : [scheduler.Mode, plain(scheduler["Detailed State"])].filter(Boolean).join(", ").toLowerCase()}</span></span></header>
    ${script ? html`<${Running} store=${store} order=${order} script=${script} />` : html`<${Nothing} store=${store} order=${order} scheduler=${scheduler} />`}
    <${Next} store=${store} order=${order} scheduler=${scheduler} script=${script} />
    <${Predicted} store=${store} predicted=${scheduler["Predicted Schedule"]} />
  </section>`;
}

function targetOf(store, script) {
  const happened = store.events.findLast((event) => event.Kind === "target" && event.Subject === script.Subject);
  return happened?.Data ?? null;
}

function Running({ store, order, script }) {
  const target = targetOf(store, script);
  const attempt = useOrder(target ? "" : script.Subject, order);
  const parent = useOrder(target || !attempt?.Parent ? "" : attempt.Parent, order);
  const what = target ?? parent ?? attempt ?? {};
  const now = store.sky_ms();
  const since = at_ms(script.Started);
  const until = since + script.Duration * 1000;
  const telescope = store.services.telescope?.reply ?? {};
  const camera = device(store, "Camera");
  const step = telescope.Current?.Step || telescope.Busy || "";
  const part = isNumber(until) && until > since ? Math.min(1, Math.max(0, (now - since) / (until - since))) : null;
  const frames = what["Number of Exposures"]
    ? `${what["Number of Exposures"]} × ${number(what["Exposure Time"], what["Exposure Time"] < 10 ? 1 : 0, "s")}`
    : "";
  return html`<div class="running">
    <p class="target"><b class="wrap">${nameOf(what) || plain(script.Script)}</b>
      ${script.Filter ? html`<span class="chip">${script.Filter}</span>` : null}${frames ? html`<span class="number">${frames}</span>` : null}</p>
    <p class="dim">${plain(script.Script)}, since <b class="number">${clock(script.Started, now)}</b>${part !== null ? html`, until about <b class="number">${clock(until, now)}</b> <span class="number">(${until > now ? `${span((until - now) / 1000)} left` : `${span((now - until) / 1000)} late`})</span>` : null}${isNumber(script.RA) ? html` · <span class="number">${rightAscension(script.RA)} ${declination(script.Dec)}</span>` : null}</p>
    ${part !== null ? html`<div class="progress" role="progressbar" aria-label="part of the visit that is over" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(part * 100)}><div style=${{ width: `${part * 100}%` }}></div></div>` : null}
    <p>${step ? html`Step: <b>${plain(step)}</b>` : null}${camera?.Exposing ? html` · exposing, <span class="number">${span(camera["Remaining (s)"])}</span> left` : null}</p>
    ${target?.Note ? html`<p class="dim small wrap">Why this one: ${target.Note}</p>` : null}
  </div>`;
}

/** The commands that lead from a summary state to observing. */
const WAY_ON = {
  FAULT: "standby, start, enable, resume",
  STANDBY: "start, enable, resume",
  DISABLED: "enable, resume",
};

function Nothing({ store, order, scheduler }) {
  const own = [];
  if (scheduler["Summary State"] !== "ENABLED")
    own.push(`the scheduler is ${scheduler["Summary State"]}${WAY_ON[scheduler["Summary State"]] ? `: under Orders, Commands: ${WAY_ON[scheduler["Summary State"]]}` : ""}`);
  else if (!scheduler.Running) own.push("the scheduler is enabled, and was not told to resume");
  if (scheduler.Held && !scheduler.Reasons?.includes(scheduler.Held)) own.push(`held: ${scheduler.Held}`);
  if (scheduler.Paused)
    own.push(`its queue is paused${scheduler["Pause Reason"] ? `: ${scheduler["Pause Reason"]}` : ""}`);
  if (scheduler["Error Report"]) own.push(scheduler["Error Report"]);
  const is_told = own.length || scheduler.Reasons?.length;
  return html`<div class="running"><p class="target"><b>Nothing</b></p>
    ${is_told ? html`<${Reasons} store=${store} order=${order} scheduler=${scheduler} first=${own} />` : html`<p class="dim">${scheduler.Message}</p>`}</div>`;
}

/** Orders of what runs and waits on the queue; null while one of them is not known. */
function useParents(store, order, scripts) {
  const targets = scripts.map((one) => targetOf(store, one));
  const attempts = useOrders(scripts.map((one, i) => (targets[i] ? "" : one.Subject)), order);
  const parents = scripts.map((one, i) => targets[i]?.Parent ?? (one.Subject ? attempts[i] && (attempts[i].Parent ?? "") : ""));
  return parents.includes(null) ? null : parents;
}

function Next({ store, order, scheduler, script }) {
  const next = scheduler["Next Target"] ?? {};
  const reply = useOrder(next.Parent ?? "", order);
  const now = store.sky_ms();
  const waiting = scheduler.Queue ?? [];
  const parents = useParents(store, order, [script, ...waiting].filter(Boolean));
  const is_told = !parents || parents.includes(next.Parent); // runs, or stands on the queue
  const name = nameOf(reply ?? next);
  const begins_ms = at_ms(next.UTC || next.Requested);
  return html`<div class="next">
    <h3>Next</h3>
    ${waiting.map((one) => html`<${Queued} key=${one.Index} store=${store} order=${order} script=${one} />`)}
    ${
      next.Parent && !is_told
        ? html`<p class="wrap"><b>${name || "An order"}</b>${(reply ?? next).Filter ? html` <span class="chip">${(reply ?? next).Filter}</span>` : null}${isNumber(begins_ms) ? html` at <b class="number">${clock(begins_ms, now)}</b>` : null}
          <span class="dim"> ${begins_ms > now ? `in ${span((begins_ms - now) / 1000)}: not before its place on the sky and the plan let it begin` : script ? "as soon as what runs has ended" : "as soon as it can begin"}</span></p>`
        : waiting.length
          ? null
          : html`<p class="dim">No ${script ? "other " : ""}target is known${next["Looked Until"] ? ` until ${clock(next["Looked Until"], now)}` : ""}.</p>${script ? html`<${Reasons} store=${store} order=${order} scheduler=${scheduler} />` : null}`
    }
  </div>`;
}

function Queued({ store, order, script }) {
  const target = targetOf(store, script);
  const attempt = useOrder(target ? "" : script.Subject, order);
  const parent = useOrder(target || !attempt?.Parent ? "" : attempt.Parent, order);
  return html`<p class="wrap"><b>${nameOf(target ?? parent) || plain(script.Script)}</b>${script.Filter ? html` <span class="chip">${script.Filter}</span>` : null}
    <span class="dim"> on the queue: begins when what runs has ended${isNumber(script.Duration) && script.Duration ? `, takes ${span(script.Duration)}` : ""}${target?.Note ? `; ${target.Note}` : ""}</span></p>`;
}

function Predicted({ store, predicted }) {
  const count = predicted?.["Number of Targets"] ?? 0;
  if (!count) return null;
  const now = store.sky_ms();
  const rows = predicted.Target.map((name, i) => ({
    name,
    filter: predicted.Filter[i],
    from: mjd_ms(predicted.MJD[i]),
    to: mjd_ms(predicted.End[i]),
  }));
  const coming = rows.filter((one) => one.to > now).slice(0, 6);
  if (!coming.length) return null;
  return html`<details class="predicted"><summary>Predicted until ${clock(predicted.Until, now)}: ${count} ${count === 1 ? "target" : "targets"}</summary>
    <div class="scroll"><table><thead><tr><th>target</th><th>filter</th><th class="number">from</th><th class="number">to</th></tr></thead>
    <tbody>${coming.map((one) => html`<tr><td class="wrap">${one.name}</td><td>${one.filter}</td><td class="number">${clock(one.from, now)}</td><td class="number">${clock(one.to, now)}</td></tr>`)}</tbody></table></div></details>`;
}
