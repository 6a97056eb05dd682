// The tab Devices: each with its state, link, values and age; and any INDI element by name.
import { html, useState } from "./vendor/preact-htm.js";
import { device, DEVICES, telescopeHeard } from "./device.js";
import { attemptNames } from "./event_words.js";
import { declination, isNumber, number, rightAscension, span } from "./format.js";
import { SERVICES, useStore, useTick } from "./store.js";
import { plain, State } from "./words.js";

const LINES = ["Connected", "Age (s)", "Readings", "Dangers", "Warnings"]; // shown in the head, or elsewhere
const FORMS = {
  RA: (v) => `${rightAscension(v)} (${number(v, 4)}°)`,
  Dec: (v) => `${declination(v)} (${number(v, 4)}°)`,
  Altitude: (v) => number(v, 2, "°"),
  Azimuth: (v) => number(v, 2, "°"),
  "Dec of Date": (v) => number(v, 4, "°"),
  "RA of Date (hour)": (v) => number(v, 5),
  "Hour Angle (hour)": (v) => number(v, 4),
  "Remaining (s)": (v) => number(v, 1),
};

function shown(key, value) {
  if (FORMS[key] && isNumber(value)) return FORMS[key](value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (isNumber(value)) return number(value, Number.isInteger(value) ? 0 : 3);
  return plain(value);
}

const busy = (it) => (it.Slewing && "slewing") || (it.Moving && "moving") || (it.Exposing && "exposing") || "";

/** "attempt A-01M…" with the object's name in place of the receipt. */
function busyWith(text, store) {
  const names = attemptNames(store.events);
  return plain(text).replace(/\bA-[0-9A-HJKMNP-TV-Z]{26}\b/, (receipt) => (names.has(receipt) ? `at ${names.get(receipt)}` : receipt));
}

export default function Devices({ store, order }) {
  useTick(1);
  useStore(store, (s) => s.services);
  useStore(store, (s) => s.telemetry);
  const telescope = store.services.telescope?.reply;
  return html`<div class="stack">
    <section class="panel" aria-labelledby="link-head"><header><h2 id="link-head">Link to the INDI server</h2><${State} of="link" word=${telescopeHeard(store) ? telescope.Link ?? "DOWN" : "silent"} text=${telescopeHeard(store) ? undefined : "not heard"} /></header>
      ${telescope ? html`<p>Observatory: <${State} of="observatory" word=${telescopeHeard(store) ? telescope.Observatory : "UNKNOWN"} />${telescope.Busy ? html` · busy: <b>${busyWith(telescope.Busy, store)}</b>` : null}${telescope["Waits For"] ? ` · waits for ${telescope["Waits For"]}` : ""}</p>` : html`<p class="dim">The telescope service has not answered.</p>`}
      ${telescope?.Recovery?.Notices?.length ? html`<ul class="reasons">${telescope.Recovery.Notices.map((text) => html`<li class="wrap">${typeof text === "string" ? text : JSON.stringify(text)}</li>`)}</ul>` : null}
    </section>
    ${DEVICES.some(({ key }) => device(store, key)) ? null : html`<p class="empty">No device is known: the telescope service has told of none.</p>`}
    <div class="panels">${DEVICES.map(({ key }) => html`<${One} key=${key} name=${key} it=${device(store, key)} />`)}</div>
    <${Element} store=${store} order=${order} />
    <${Services} store=${store} />
  </div>`;
}

function One({ name, it }) {
  if (!it) return null;
  const doing = busy(it);
  const values = Object.entries(it).filter(([key]) => !LINES.includes(key));
  const readings = Object.entries(it.Readings ?? {});
  return html`<section class="panel third" aria-labelledby=${`device-${name}`}>
    <header><h2 id=${`device-${name}`}>${name}</h2><span class="row"><${State} of="link" word=${it.Connected === false ? "not connected" : "connected"} />${doing ? html`<${State} of="indi" word="Busy" text=${doing} />` : null}</span></header>
    <dl class="pairs">${values.map(([key, value]) => html`<dt>${key}</dt><dd>${shown(key, value)}</dd>`)}
      ${readings.map(([key, value]) => html`<dt class="wrap">${key.replace("WEATHER_", "")}</dt><dd>${shown(key, value)}</dd>`)}
      <dt>last word</dt><dd class="number">${isNumber(it["Age (s)"]) ? `${span(it["Age (s)"])} ago` : "–"}</dd></dl>
  </section>`;
}

/** device.PROPERTY.ELEMENT of anything on the INDI server. */
function Element({ order }) {
  const [name, setName] = useState("");
  const [found, setFound] = useState(null);
  const ask = async (event) => {
    event.preventDefault();
    if (!name.trim()) return;
    const names = name
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean);
    setFound(await order("telescope", { WOType: "Status", Properties: names }));
  };
  const rows = Object.entries(found?.reply?.Properties ?? {});
  return html`<section class="panel" aria-labelledby="element-head"><h2 id="element-head">Any INDI element</h2>
    <form class="row" onSubmit=${ask}><input aria-label="device.PROPERTY.ELEMENT" class="mono" placeholder="mount.EQUATORIAL_EOD_COORD.RA" value=${name} onInput=${(e) => setName(e.target.value)} /><button type="submit">Look</button></form>
    <div role="status">${found?.fault ? html`<p class="message bad wrap">${found.fault.text}</p>` : null}
    ${rows.length ? html`<div class="scroll"><table><thead><tr><th>element</th><th>value</th><th>state</th><th class="number">age</th></tr></thead><tbody>${rows.map(([key, row]) => html`<tr><td class="mono wrap">${key}</td><td class="wrap">${row.Reason ?? shown("", row.Value)}</td><td>${row.State ? html`<${State} of="indi" word=${row.State} />` : ""}</td><td class="number">${isNumber(row["Age (s)"]) ? span(row["Age (s)"]) : "–"}</td></tr>`)}</tbody></table></div>` : null}</div>
  </section>`;
}

function Services({ store }) {
  return html`<section class="panel" aria-labelledby="services-head"><h2 id="services-head">Services</h2>
    <div class="scroll"><table><thead><tr><th>service</th><th>says</th><th class="number">heard</th></tr></thead><tbody>${(
      store.hello?.services ?? SERVICES
    ).map((name) => {
      const entry = store.services[name];
      const says = entry?.reply
        ? plain(entry.reply.Message || entry.reply.Status || entry.reply.Observatory)
        : "";
      const answers = store.connected && entry?.reply && !entry.error;
      return html`<tr><td><${State} of="link" word=${answers ? "answers" : "silent"} text=${name} /></td><td class="wrap">${answers ? says : `${store.connected ? "silent" : "not heard"}${entry?.error ? `: ${entry.error}` : ""}`}</td><td class="number">${entry ? `${span(store.age_s(name))} ago` : "never"}</td></tr>`;
    })}</tbody></table></div></section>`;
}
