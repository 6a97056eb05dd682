// The verdict with its reasons and ages, and who holds the observatory: lock, stop, takeover, alarm.
import { html } from "./vendor/preact-htm.js";
import { clock, isNumber, span } from "./format.js";
import { SERVICES, useStore, useTick } from "./store.js";
import { levelNow, verdictAge_s, verdictNow } from "./verdict.js";
import { State } from "./words.js";

const MEANS = {
  SAFE: "The observatory may be open.",
  HOLD: "Nothing new begins; what runs may end.",
  UNSAFE: "The observatory must be closed.",
  UNKNOWN: "Safety has not been heard: taken as unsafe.",
};

export function VerdictPanel({ store }) {
  useTick(1);
  useStore(store, (s) => s.services);
  const level = levelNow(store);
  const verdict = verdictNow(store);
  const age_s = verdictAge_s(store);
  const rules = verdict.rules;
  return html`<section class="panel third" aria-labelledby="verdict-head">
    <header><h2 id="verdict-head">Verdict</h2><span class="dim small">${isNumber(age_s) ? `${span(age_s)} old` : "never heard"}</span></header>
    <div class="row"><${State} of="verdict" word=${level} big=${true} /><span>${MEANS[level] ?? ""}</span></div>
    <${Alarm} store=${store} />
    ${
      rules.length
        ? html`<table><caption class="unseen">rules that are not content</caption><thead><tr><th>rule</th><th>why</th><th class="number">read</th></tr></thead><tbody>
          ${rules.map((rule) => html`<tr><td><${State} of="verdict" word=${rule.Level} text=${rule.Rule} /></td><td class="wrap">${rule.Text}</td><td class="number">${isNumber(rule.Age) ? `${span(rule.Age)} ago` : "–"}</td></tr>`)}
        </tbody></table>`
        : null
    }
    ${!rules.length && verdict.reasons.length ? html`<ul class="reasons">${verdict.reasons.map((text) => html`<li class="wrap">${text}</li>`)}</ul>` : null}
    ${level === "SAFE" && !rules.length ? html`<p class="dim small">Every rule is content.</p>` : null}
    <${Holders} store=${store} verdict=${verdict} />
    <${Services} store=${store} />
  </section>`;
}

/** What somebody has to look at now stands before all reasons. */
function Alarm({ store }) {
  const alarm = store.services.telescope?.reply?.Alarm || store.services.safety?.reply?.Alarm;
  return alarm ? html`<p class="message bad wrap" role="alert"><b>Alarm:</b> ${alarm}</p>` : null;
}

/** Humans that keep the manager's hands off, and safety at work. */
function Holders({ store, verdict }) {
  const telescope = store.services.telescope?.reply ?? {};
  const safety = store.services.safety?.reply ?? {};
  const foreign = telescope["Foreign Motion"] ?? {};
  const near = store.sky_ms();
  const { lock, latch } = verdict;
  return html`
    ${safety.Closing ? html`<p class="message warn"><b>Safety is closing the observatory.</b></p>` : null}
    ${latch ? html`<p class="message warn wrap"><b>Stopped</b> by ${latch.Owner || "somebody"} at ${clock(latch.Since, near)}${latch.Reason ? `: ${latch.Reason}` : ""}. Nothing moves until it is released.</p>` : null}
    ${lock ? html`<p class="message warn wrap"><b>Locked (${lock.Kind})</b> by ${lock.Owner} since ${clock(lock.Since, near)}${lock.Expires ? `, until ${clock(lock.Expires, near)}` : ", until unlocked"}${lock.Reason ? `: ${lock.Reason}` : ""}</p>` : null}
    ${telescope.Held || foreign["Hands Off Until"] ? html`<p class="message warn wrap"><b>Somebody else moves the devices:</b> ${telescope.Held || foreign.Reason || foreign.What}. Hands off until ${foreign["Hands Off Until"] === "released" ? "released" : clock(foreign["Hands Off Until"], near)}.</p>` : null}`;
}

/** Does each service answer? */
function Services({ store }) {
  const names = store.hello?.services ?? SERVICES;
  return html`<ul class="services" aria-label="services">${names.map((name) => {
    const entry = store.services[name];
    const silent = !store.connected || !entry?.reply || entry.error;
    const since = entry?.reply ? ` for ${span(store.age_s(name))}` : "";
    return html`<li><${State} of="link" word=${silent ? "silent" : "answers"} text=${name} />${silent ? html`<span class="small wrap"> ${store.connected ? "silent" : "not heard"}${since}${entry?.error ? `: ${entry.error}` : ""}</span>` : null}</li>`;
  })}</ul>`;
}
