// A modal dialogue over the page: focus stays in it, Escape closes it, and focus goes back where it was.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { StopHere } from "./stop_here.js";

let count = 0;

/** `onClose` is called once, however it is closed. */
export function Dialog({ title, onClose, children, wide = false }) {
  const box = useRef(null);
  const id = useRef(`dialogue-${(count += 1)}`).current;
  useEffect(() => {
    const before = document.activeElement;
    const shown = box.current;
    shown.showModal();
    return () => {
      shown.close(); // the page behind takes focus again only then
      if (before?.isConnected) before.focus?.();
    };
  }, []);
  // The box's own scroll bar is the dialogue as a target, too, but lies inside it.
  const outside = (event) => {
    const { left, right, top, bottom } = box.current.getBoundingClientRect();
    const { clientX: x, clientY: y } = event;
    if (event.target === box.current && (x < left || x > right || y < top || y > bottom)) onClose();
  };
  return html`<dialog ref=${box} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${(event) => {
    event.preventDefault();
    onClose();
  }} onMouseDown=${outside}>
    <div class="inside">
      <header class="row spread"><h2 id=${id}>${title}</h2>
        <span class="row"><button class="plain" aria-label="close" onClick=${onClose}><${Icon} name="close" /></button><${StopHere} /></span></header>
      ${children}
    </div>
  </dialog>`;
}

/** Ask before something that cannot be taken back; `onYes` may return a promise. */
export function Confirm({ title, children, yes, tone = "danger", onYes, onClose }) {
  const pressed = useRef(false); // a second press sends nothing
  const [busy, setBusy] = useState(false);
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <div>${children}</div>
    <div class="row end"><button onClick=${onClose}>Leave it</button>
      <button class=${tone} aria-disabled=${busy ? "true" : undefined} onClick=${async () => {
        if (pressed.current) return;
        pressed.current = true;
        setBusy(true);
        await onYes();
        onClose();
      }}>${busy ? "sent …" : yes}</button></div>
  <//>`;
}

/** The answer to an order: what was said, good or not. */
export function Answer({ answer }) {
  if (!answer) return null;
  const { reply, fault } = answer;
  const text = fault ? `${fault.text}${fault.code ? ` (${fault.code})` : ""}` : reply.Message || reply.Status || "done";
  return html`<p class=${`message ${fault ? "bad" : "good"}`} role=${fault ? "alert" : "status"}>${text}</p>`;
}
