// All orders, newest first: search, filter by state; asked again when an order changed.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { clock, isNumber, number } from "./format.js";
import { useStore } from "./store.js";
import { LOOKS, plain, State } from "./words.js";

const LIMIT = 500;
const PAUSE_MS = 1500; // between two questions
const STATES = [
  "",
  "PENDING",
  "HELD",
  "SCHEDULED",
  "IN_PROGRESS",
  "COMPLETED",
  "CANCELED",
  "WINDOW_EXPIRED",
  "FAILURE_LIMIT_REACHED",
  "REJECTED",
];
const SEARCHED = ["Object", "ID", "User", "Filter", "Receipt", "Message", "Frame Type", "Group"];

/** The list from the desk, kept fresh while it is shown. */
function useOrders(store, order, state) {
  const [answer, setAnswer] = useState(null);
  const change = useStore(store, (s) =>
    s.events.findLast((event) => event.Kind === "order" && event.service === "scheduler"),
  );
  const connected = useStore(store, (s) => s.connected);
  const last = useRef(-Infinity);
  useEffect(() => {
    let is_shown = true;
    const ask = async () => {
      last.current = performance.now();
      const wanted = { WOType: "Status", All: true, Limit: LIMIT, ...(state ? { State: state } : {}) };
      const found = await order("scheduler", wanted);
      if (is_shown) setAnswer((before) => (found.reply || !before?.reply ? found : { ...before, fault: found.fault }));
    };
    const timer = setTimeout(ask, Math.max(0, last.current + PAUSE_MS - performance.now()));
    return () => {
      is_shown = false;
      clearTimeout(timer);
    };
  }, [state, change, connected]);
  return answer;
}

export function OrderList({ store, order }) {
  const [state, setState] = useState("");
  const [text, setText] = useState("");
  const answer = useOrders(store, order, state);
  const all = (answer?.reply?.Orders ?? []).toSorted((a, b) =>
    String(b.Created ?? "").localeCompare(String(a.Created ?? "")),
  );
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((one) => {
    const hay = SEARCHED.map((key) => one[key] ?? "")
      .join(" ")
      .toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const counts = store.services.scheduler?.reply?.["Order Counts"] ?? {};
  return html`<section class="panel" aria-labelledby="list-head">
    <header><h2 id="list-head">Orders</h2><span class="dim small" role="status">${answer?.reply ? `${found.length} of ${all.length}${all.length >= LIMIT ? ` (the newest ${LIMIT})` : ""}` : ""}</span></header>
    <div class="row">
      <input type="search" aria-label="search orders" placeholder="search: object, filter, user, ID …" value=${text} onInput=${(e) => setText(e.target.value)} />
      <select aria-label="state" value=${state} onChange=${(e) => setState(e.target.value)}>
        ${STATES.map((one) => html`<option value=${one}>${one ? `${plain(one.toLowerCase())}${counts[one] ? ` (${counts[one]})` : ""}` : "every state"}</option>`)}
      </select>
    </div>
    ${answer?.fault ? html`<p class="message bad" role="alert">${answer.fault.text}</p>` : null}
    ${!answer ? html`<p class="empty">asking …</p>` : found.length ? html`<${Table} orders=${found} store=${store} />` : html`<p class="empty">${all.length ? "None of them matches." : html`There is no order${state ? " in this state" : ""}. <a href="#orders/new">Send the first</a>.`}</p>`}
  </section>`;
}

function Table({ orders, store }) {
  const near = store.sky_ms();
  return html`<div class="scroll"><table class="orders">
    <thead><tr><th>state</th><th>target</th><th>filter</th><th class="number">frames</th><th class="number desk">priority</th><th class="desk">user, ID</th><th class="number desk">changed</th></tr></thead>
    <tbody>${orders.map(
      (one) => html`<tr key=${one.Receipt}>
      <td><${State} of="order" word=${one.Status} /></td>
      <td class="wrap"><a class="open" href=${`#orders/${encodeURIComponent(one.Receipt)}`}>${one.Object || one["Frame Type"] || one.Kind || one.Receipt}</a>
        ${one.Message && one.Message !== one.Status && one.Status in LOOKS.order && one.Status !== "COMPLETED" ? html`<div class="dim small">${one.Message}</div>` : null}</td>
      <td>${one.Filter ?? ""}</td>
      <td class="number">${isNumber(one["Number of Exposures"]) ? `${one["Good Exposures"] ?? 0}/${one["Number of Exposures"]}` : ""}${isNumber(one["Exposure Time"]) ? html`<span class="dim"> × ${number(one["Exposure Time"], one["Exposure Time"] < 10 ? 1 : 0, "s")}</span>` : ""}</td>
      <td class="number desk">${number(one.Priority, 1)}</td>
      <td class="desk wrap">${one.User}${one.ID ? html`<div class="dim small">${one.ID}</div>` : null}</td>
      <td class="number desk">${clock(one.Updated ?? one.Created, near)}</td></tr>`,
    )}
    </tbody></table></div>`;
}
