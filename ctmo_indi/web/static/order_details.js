// One order: how far it is, its history and attempts, why it can or cannot begin, and giving it up.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { MayNot, signed } from "./access.js";
import { Answer, Confirm } from "./dialog.js";
import { Explanation } from "./explanation.js";
import { dateTime, declination, isNumber, number, rightAscension } from "./format.js";
import { useStore } from "./store.js";
import { plain, State } from "./words.js";

const OVER = ["COMPLETED", "CANCELED", "REJECTED", "WINDOW_EXPIRED", "FAILURE_LIMIT_REACHED"];
const SHOWN_ABOVE = new Set([
  "Receipt",
  "Kind",
  "Status",
  "Revision",
  "Message",
  "Reasons",
  "Object",
  "Filter",
  "Exposure Time",
  "Number of Exposures",
  "Good Exposures",
  "RA",
  "Dec",
  "History",
  "Attempts",
  "Exposures",
  "Failure",
  "Created",
  "Updated",
  "Priority",
  "User",
  "ID",
]);

export function OrderDetails({ receipt, store, order, may_cancel }) {
  const [answer, setAnswer] = useState(null);
  const [asking, setAsking] = useState(false);
  const [canceled, setCanceled] = useState(null);
  const change = useStore(store, (s) =>
    s.events.findLast((event) => event.Kind === "order" && event.Subject === receipt),
  );
  const connected = useStore(store, (s) => s.connected);
  const ask = async () => setAnswer(await order("scheduler", { WOType: "Status", Receipt: receipt }));
  useEffect(() => void ask(), [receipt, change, connected, canceled]);

  const it = answer?.reply;
  if (!it)
    return html`<section class="panel"><${Answer} answer=${answer} />${answer ? null : html`<p class="empty">asking …</p>`}<p><a href="#orders">All orders</a></p></section>`;
  const cancel = async () =>
    setCanceled(
      await order("scheduler", signed(store, { WOType: "Cancel", Receipt: receipt, Reason: "canceled on the page" })),
    );
  const name = it.Object || it["Frame Type"] || it.Kind;
  const others = Object.entries(it).filter(
    ([key, value]) => !SHOWN_ABOVE.has(key) && value !== "" && typeof value !== "object",
  );
  return html`<div class="panels">
    <section class="panel two-thirds" aria-labelledby="order-head">
      <header><h2 id="order-head" class="wrap">${name}</h2><${State} of="order" word=${it.Status} big=${true} /></header>
      ${it.Message && it.Message !== it.Status ? html`<p class="wrap">${it.Message}</p>` : null}
      ${it.Failure ? html`<p class="message warn wrap">${it.Failure}</p>` : null}
      <dl class="pairs">
        <dt>frames</dt><dd class="number">${it["Good Exposures"] ?? 0} good of ${it["Number of Exposures"] ?? "–"} × ${number(it["Exposure Time"], 1, "s")} ${it.Filter ?? ""}</dd>
        ${isNumber(it.RA) ? html`<dt>place (ICRS)</dt><dd class="number">${rightAscension(it.RA)} ${declination(it.Dec)} <span class="dim">${number(it.RA, 4)}°, ${number(it.Dec, 4)}°</span></dd>` : null}
        <dt>from</dt><dd>${it.User}${it.ID ? html`, ID <span class="mono">${it.ID}</span>` : null}</dd>
        <dt>priority</dt><dd>${number(it.Priority, 1)} of 10</dd>
        <dt>receipt</dt><dd class="mono">${it.Receipt}</dd>
        ${others.map(([key, value]) => html`<dt>${key.toLowerCase()}</dt><dd>${String(value)}</dd>`)}
      </dl>
      <${Answer} answer=${canceled} />
      ${OVER.includes(it.Status) ? null : may_cancel ? html`<div class="row"><button class="danger" onClick=${() => setAsking(true)}>Cancel this order</button></div>` : html`<${MayNot} store=${store} role="submit" what="cancel orders" />`}
      <p><a href="#orders">All orders</a></p>
    </section>
    <section class="panel third" aria-labelledby="history-head"><h2 id="history-head">History</h2><${History} of=${it} /></section>
    <${Explanation} receipt=${receipt} name=${name} store=${store} order=${order} />
    ${
      asking
        ? html`<${Confirm} title="Cancel this order?" yes="Cancel the order" onYes=${cancel} onClose=${() => setAsking(false)}>
      <p><b class="wrap">${name}</b>, ${it.Filter ?? ""}, from ${it.User}. Frames already taken are kept. It cannot be taken up again.</p><//>`
        : null
    }
  </div>`;
}

function History({ of }) {
  const rows = of.History ?? [];
  const attempts = of.Attempts ?? [];
  return html`${
    rows.length
      ? html`<ol class="history">${rows.map(
          (row) => html`<li><span class="number dim small">${dateTime(row.UTC)}</span>
      <div><${State} of="order" word=${row.State} />${row.Reason ? html`<div class="small wrap">${row.Reason}</div>` : null}</div></li>`,
        )}</ol>`
      : html`<p class="empty">none</p>`
  }
    ${
      attempts.length
        ? html`<h3>Attempts</h3><ol class="history">${attempts.map(
            (row) => html`<li><span class="number dim small">${dateTime(row.Started)}</span>
      <div><${State} of="order" word=${row.Status} />${row.Reason ? html`<div class="small wrap">${plain(row.Reason)}</div>` : null}</div></li>`,
          )}</ol>`
        : null
    }
    ${of.Exposures?.length ? html`<p class="dim small">${of.Exposures.length} frames on disk; see the tab Frames.</p>` : null}`;
}
