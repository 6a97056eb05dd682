// The operator's hands: commands to scheduler, telescope and dome, and the lock. Interlocks hold for all of them.
import { html, useState } from "./vendor/preact-htm.js";
import { may, MayNot, signed } from "./access.js";
import { Answer, Confirm } from "./dialog.js";
import { Field } from "./field.js";
import { instantOf } from "./order_fields.js";
import { useStore } from "./store.js";
import { plain, State } from "./words.js";

const scheduler = (Command, more) => ["scheduler", { WOType: "Scheduler", Command, ...more }];
const control = (Command, more) => ["scheduler", { WOType: "Control", Command, ...more }];
const dome = (more) => ["scheduler", { WOType: "Dome", ...more }];

/** Groups of buttons: `sends` makes service and order of the group's fields; `ask` is confirmed first. */
const GROUPS = [
  {
    id: "scheduler",
    title: "Scheduler",
    fields: [{ path: "Configuration", title: "configuration, for start", kind: "text", tip: "empty: the site's own" }],
    buttons: [
      {
        title: "start",
        sends: (v) => scheduler("start", v.Configuration ? { Configuration: v.Configuration } : {}),
        tip: "STANDBY to DISABLED",
      },
      { title: "enable", sends: () => scheduler("enable"), tip: "DISABLED to ENABLED" },
      { title: "resume", sends: () => scheduler("resume"), tip: "observe", primary: true },
      { title: "stop observing", sends: () => scheduler("stop"), tip: "what runs may end" },
      {
        title: "stop and abort",
        sends: () => scheduler("stop", { Abort: true }),
        ask: "What is being observed is given up at once.",
      },
      { title: "reschedule", sends: () => scheduler("reschedule"), tip: "choose targets anew" },
      { title: "flush", sends: () => scheduler("flush"), tip: "give up targets that have not begun" },
      { title: "disable", sends: () => scheduler("disable"), ask: "The scheduler ends observing and is disabled." },
      {
        title: "standby",
        sends: () => scheduler("standby"),
        ask: "The scheduler forgets its configuration; it must be started and enabled again.",
      },
    ],
  },
  {
    id: "mount",
    title: "Telescope",
    fields: [
      { path: "RA", title: "RA, for slew", unit: "ICRS", kind: "text", tip: "degrees, or hh:mm:ss" },
      { path: "Dec", title: "Dec, for slew", unit: "ICRS", kind: "text", tip: "degrees, or ±dd:mm:ss" },
    ],
    buttons: [
      {
        title: "slew there",
        sends: (v) => control("slew", { RA: v.RA ?? "", Dec: v.Dec ?? "" }),
        needs: ["RA", "Dec"],
        primary: true,
      },
      { title: "track", sends: () => control("track") },
      { title: "unpark", sends: () => control("unpark") },
      { title: "park", sends: () => control("park") },
      { title: "abort", sends: () => control("abort"), tip: "end motion and exposure; no latch" },
    ],
  },
  {
    id: "dome",
    title: "Dome",
    fields: [{ path: "Azimuth", title: "azimuth, for turn", unit: "°", kind: "number" }],
    buttons: [
      {
        title: "open shutter",
        sends: () => dome({ Shutter: "open" }),
        ask: "The shutter opens if the verdict is SAFE.",
      },
      { title: "close shutter", sends: () => dome({ Shutter: "close" }), primary: true },
      { title: "turn", sends: (v) => dome({ Azimuth: Number(v.Azimuth) }), needs: ["Azimuth"] },
      { title: "park", sends: () => dome({ Park: true }) },
      { title: "unpark", sends: () => dome({ Park: false }) },
    ],
  },
  {
    id: "instrument",
    title: "Filter and focus",
    fields: [
      { path: "Filter", title: "filter", kind: "choice", optional: true },
      { path: "Position", title: "focuser position", unit: "step", kind: "number" },
    ],
    buttons: [
      { title: "set filter", sends: (v) => control("filter", { Filter: v.Filter }), needs: ["Filter"] },
      { title: "move focuser", sends: (v) => control("focus", { Position: Number(v.Position) }), needs: ["Position"] },
    ],
  },
  {
    id: "lock",
    title: "Lock",
    fields: [
      { path: "Kind", title: "kind", kind: "choice", options: ["observer", "maintenance"] },
      { path: "Expires", title: "until", unit: "UTC", kind: "instant", tip: "empty: until unlocked" },
      { path: "Reason", title: "reason", kind: "text", wide: true },
    ],
    buttons: [
      {
        title: "lock",
        primary: true,
        sends: (v) =>
          control("lock", {
            Kind: v.Kind || "observer",
            ...(v.Expires ? { Expires: instantOf(v.Expires) ?? v.Expires } : {}),
            ...(v.Reason ? { Reason: v.Reason } : {}),
          }),
        tip: "observer: the manager keeps off, safety still closes; maintenance: nothing moves",
      },
      { title: "unlock", sends: () => control("unlock"), ask: "The manager may move the observatory again." },
    ],
  },
];

export function Commands({ store, order }) {
  useStore(store, (s) => s.services.scheduler);
  if (!may(store, "operate"))
    return html`<section class="panel"><h2>Commands</h2><${MayNot} store=${store} role="operate" what="move the observatory" /></section>`;
  const standing = store.services.scheduler?.reply;
  return html`<div class="panels">
    ${GROUPS.map((group) => html`<${Group} key=${group.id} group=${group} store=${store} order=${order} standing=${group.id === "scheduler" ? standing : null} />`)}
    <${Switches} store=${store} order=${order} />
  </div>`;
}

function Group({ group, store, order, standing }) {
  const [values, setValues] = useState({});
  const [wrong, setWrong] = useState({});
  const [answer, setAnswer] = useState(null);
  const [asking, setAsking] = useState(null);
  const [busy, setBusy] = useState("");
  const send = async (button) => {
    setBusy(button.title);
    setAnswer(null);
    const [service, wanted] = button.sends(values);
    setAnswer(await order(service, signed(store, wanted), 60000));
    setBusy("");
  };
  const press = (button) => {
    const missing = (button.needs ?? []).filter((path) => !values[path]?.trim());
    const numbers = (button.needs ?? []).filter(
      (path) => group.fields.find((f) => f.path === path).kind === "number" && !Number.isFinite(Number(values[path])),
    );
    const faults = Object.fromEntries([
      ...numbers.map((path) => [path, "no number"]),
      ...missing.map((path) => [path, "missing"]),
    ]);
    setWrong(faults);
    if (Object.keys(faults).length) return;
    if (button.ask) setAsking(button);
    else send(button);
  };
  return html`<section class="panel half" aria-labelledby=${`group-${group.id}`}>
    <header><h2 id=${`group-${group.id}`}>${group.title}</h2>${standing ? html`<span class="row"><${State} of="summary" word=${standing["Summary State"]} /><span class="dim small">${standing.Running ? "told to observe" : "not told to observe"}</span></span>` : null}</header>
    <div class="fields">${group.fields.map(
      (
        field,
      ) => html`<${Field} key=${field.path} field=${{ ...field, path: `${group.id} ${field.path}` }} value=${values[field.path] ?? (field.options ? field.options[0] : "")} wrong=${wrong[field.path]}
      options=${field.path === "Filter" ? store.hello?.filters : undefined} onChange=${(_, text) => setValues((before) => ({ ...before, [field.path]: text }))} />`,
    )}</div>
    <p class="tip small dim">${group.buttons.filter((button) => button.tip).map((button) => html`<span><b>${button.title}</b>: ${button.tip}</span>`)}</p>
    <div class="row">${group.buttons.map((button) => html`<button class=${button.primary ? "primary" : ""} title=${button.tip} aria-disabled=${busy ? "true" : undefined} onClick=${() => busy || press(button)}>${busy === button.title ? "sent …" : button.title}</button>`)}</div>
    <${Answer} answer=${answer} /><${Ticket} store=${store} receipt=${answer?.reply?.Receipt} />
    ${asking ? html`<${Confirm} title=${`${group.title}: ${asking.title}?`} yes=${asking.title} onYes=${() => send(asking)} onClose=${() => setAsking(null)}><p>${asking.ask}</p><//>` : null}
  </section>`;
}

/** How far a command is that goes on after its answer. */
function Ticket({ store, receipt }) {
  const told = useStore(store, (s) => (receipt ? s.events.findLast((event) => event.Subject === receipt) : null));
  if (!told) return null;
  const { Status, Message, Progress, Failure, Step } = told.Data;
  return html`<p class="small wrap" role="status"><${State} of="order" word=${Status} /> ${Failure || Progress || Message || plain(Step)}</p>`;
}

/** Switches that the profile binds to orders, such as Blink01. */
function Switches({ store, order }) {
  const [answer, setAnswer] = useState(null);
  useStore(store, (s) => s.services.telescope);
  const switches = Object.entries(store.services.telescope?.reply?.Devices?.Switches ?? {});
  if (!switches.length) return null;
  const turn = async (name, on) => setAnswer(await order("scheduler", signed(store, { WOType: "Dome", [name]: on })));
  return html`<section class="panel half" aria-labelledby="switches-head"><h2 id="switches-head">Switches</h2>
    <div class="row">${switches.map(([name, on]) => html`<button role="switch" aria-checked=${on ? "true" : "false"} onClick=${() => turn(name, !on)}><b>${name}</b> ${on ? "on" : "off"}</button>`)}</div>
    <${Answer} answer=${answer} /></section>`;
}
