// A new Observation order: each field is checked here, then by the desk, whose refusal is shown field by field.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { hasToken, myName, setMyName } from "./api.js";
import { may, MayNot, signed } from "./access.js";
import { Field, idOf } from "./field.js";
import { declination, isNumber, rightAscension } from "./format.js";
import { faultsOf, fieldsOf, orderOf, PARTS, refusedFields, WAYS } from "./order_fields.js";
import { useStore } from "./store.js";

const EMPTY = { "Frame Type": "Light", "Number of Exposures": "1" };
let draft = { values: EMPTY, way: "name" }; // what was typed is still there after a look at another tab

export function OrderForm({ store, order }) {
  const hello = useStore(store, (s) => s.hello);
  const [values, setValues] = useState(draft.values);
  const [way, setWay] = useState(draft.way);
  const [user, setUser] = useState(myName());
  const [wrong, setWrong] = useState({});
  const [rest, setRest] = useState([]);
  const [reply, setReply] = useState(null);
  const [busy, setBusy] = useState(false);
  const form = useRef(null);
  useEffect(() => void (draft = { values, way }), [values, way]);
  useEffect(() => {
    const first = fieldsOf(values, way).find((field) => wrong[field.path]);
    if (!first) return;
    const place = document.getElementById(idOf(first.path));
    const fold = place?.closest("details");
    if (fold) fold.open = true;
    place?.focus();
  }, [wrong]);

  if (!may(store, "submit"))
    return html`<section class="panel"><h2>New order</h2><${MayNot} store=${store} role="submit" what="send orders" /></section>`;

  const change = (path, value) => {
    setValues((before) => ({ ...before, [path]: value }));
    if (wrong[path]) setWrong(({ [path]: _, ...others }) => others);
  };
  const send = async (event) => {
    event.preventDefault();
    if (busy) return;
    setReply(null);
    setRest([]);
    const faults = faultsOf(values, way);
    setWrong(faults);
    if (Object.keys(faults).length) return;
    setMyName(user.trim());
    setBusy(true);
    const answer = await order("scheduler", signed(store, orderOf(values, way)));
    setBusy(false);
    if (answer.reply) return setReply(answer.reply);
    const refused = refusedFields(answer.fault.text, fieldsOf(values, way));
    setWrong(refused.fields);
    setRest(refused.rest);
  };
  const clear = () => {
    setValues(EMPTY);
    setWrong({});
    setRest([]);
    setReply(null);
  };
  const shown = fieldsOf(values, way);
  const draw = (part) =>
    shown
      .filter((field) => field.part === part.id)
      .map(
        (
          field,
        ) => html`<${Field} key=${field.path} field=${field} value=${values[field.path]} wrong=${wrong[field.path]}
    options=${field.path === "Filter" ? hello?.filters : undefined} onChange=${change} />`,
      );
  const count = Object.keys(wrong).length;
  return html`<section class="panel form" aria-labelledby="form-head">
    <header><h2 id="form-head">New order</h2><span class="dim small">* is needed; everything in UTC</span></header>
    <form ref=${form} class="stack" novalidate onSubmit=${send}>
      ${PARTS.map((part) => {
        const set = shown.filter((field) => field.part === part.id && values[field.path]).length;
        const inside = html`${part.id === "target" && (values["Frame Type"] || "Light") === "Light" ? html`<${Ways} way=${way} onChange=${setWay} />` : null}
          <div class="fields">${draw(part)}${part.id === "exposure" && !hasToken() ? html`<${Field} field=${{ path: "User", title: "your name", kind: "text" }} value=${user} onChange=${(_, text) => setUser(text)} />` : null}</div>`;
        return part.folded
          ? html`<details class="fold"><summary>${part.title}${set ? ` (${set})` : ""}</summary>${inside}</details>`
          : html`<fieldset><legend>${part.title}</legend>${inside}</fieldset>`;
      })}
      <div role="alert" class="stack">
        ${
          count
            ? html`<p class="message bad">${count === 1 ? "One field is" : `${count} fields are`} not right: ${shown
                .filter((f) => wrong[f.path])
                .map((f) => f.title)
                .join(", ")}.</p>`
            : null
        }
        ${rest.map((text) => html`<p class="message bad wrap">${text}</p>`)}
      </div>
      <div role="status">${reply ? html`<${Accepted} reply=${reply} />` : null}</div>
      <div class="row end"><button type="button" onClick=${clear}>Clear</button>
        <button type="submit" class="primary" aria-disabled=${busy ? "true" : undefined}>${busy ? "sending …" : "Send the order"}</button></div>
      <details class="fold"><summary>The order as it is sent</summary><pre class="mono small scroll" tabindex="0">${JSON.stringify(signed(store, orderOf(values, way)), null, 2)}</pre></details>
    </form>
  </section>`;
}

function Ways({ way, onChange }) {
  return html`<div class="row" role="group" aria-label="how the target is named">${WAYS.map((row) => html`<button type="button" aria-pressed=${row.id === way ? "true" : "false"} onClick=${() => onChange(row.id)}>${row.title}</button>`)}</div>`;
}

function Accepted({ reply }) {
  return html`<p class="message good wrap">${reply.Message}${isNumber(reply.RA) ? html` Place as understood: <span class="number">${rightAscension(reply.RA)} ${declination(reply.Dec)}</span>.` : null}
    ${isNumber(reply.Priority) ? ` Priority ${reply.Priority}.` : ""} <a href=${`#orders/${encodeURIComponent(reply.Receipt)}`}>See the order</a></p>`;
}
