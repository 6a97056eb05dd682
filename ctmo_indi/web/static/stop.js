// EMERGENCY STOP: one press, at once, outside any queue; and its release, which asks.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { makeRoom, order } from "./api.js";
import { may, ROLE_NAMES, roleOf, signed } from "./access.js";
import { Confirm, Dialog } from "./dialog.js";
import { Icon } from "./icons.js";
import { PRESSED } from "./stop_here.js";
import { useStore } from "./store.js";
import { verdictNow } from "./verdict.js";

const FIRST_MS = 4000; // longer the scheduler is not waited for
const NEXT_MS = 8000;

/** Stop by whatever answers: {by, faults, said}; by is empty when nobody did, said is the answer for people. */
export async function stopEverything(store) {
  const stop = signed(store, { WOType: "Control", Command: "stop", Reason: "stop pressed on the page" });
  makeRoom();
  const first = await order("scheduler", stop, FIRST_MS);
  if (first.reply) return { by: ["scheduler"], faults: first.reply.Reasons ?? [], said: first.reply.Message };
  const names = ["telescope", "safety"];
  const answers = await Promise.all(names.map((name) => order(name, stop, NEXT_MS)));
  const by = names.filter((_, i) => answers[i].reply);
  const faults = [first, ...answers].map((a, i) => a.fault && `${["scheduler", ...names][i]}: ${a.fault.text}`);
  return { by, faults: faults.filter(Boolean), said: answers.find((answer) => answer.reply)?.reply.Message };
}

export function StopButton({ store }) {
  const [phase, setPhase] = useState(""); // "", stopping, stopped, failed
  const [faults, setFaults] = useState([]);
  const [asking, setAsking] = useState(false);
  const latch = useStore(store, (s) => verdictNow(s).latch);
  const hello = useStore(store, (s) => s.hello);

  const press = async () => {
    if (phase === "stopping") return;
    setPhase("stopping");
    store.set({ news: "stopping" });
    const { by, faults, said } = await stopEverything(store);
    setFaults(faults);
    setPhase(by.length ? "stopped" : "failed");
    const told = said?.replace("Work order received. ", "") || `Stopped by ${by.join(" and ")}.`;
    const text = [told, ...faults.map((fault) => `Not all of it: ${fault}.`)].join(" ");
    store.set({ notice: by.length ? { text, tone: faults.length ? "bad" : "warn" } : null });
    store.set({ news: by.length ? `stopped by ${by.join(" and ")}` : "THE STOP WAS NOT ANSWERED" });
  };
  const release = async () => {
    const answer = await order("scheduler", signed(store, { WOType: "Control", Command: "release" }));
    const reasons = answer.reply?.Reasons ?? [];
    const text = answer.fault ? `Not released: ${answer.fault.text}` : [answer.reply.Message, ...reasons].join(" ");
    store.set({ notice: { text, tone: answer.fault || reasons.length ? "bad" : "good" } });
    if (!answer.fault) setPhase("");
  };
  useEffect(() => {
    const key = (event) => {
      if (event.key === "." && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        if (!store.hello || may(store, "operate")) press();
      }
    };
    const pressed = () => press();
    addEventListener("keydown", key);
    addEventListener(PRESSED, pressed);
    return () => {
      removeEventListener("keydown", key);
      removeEventListener(PRESSED, pressed);
    };
  });
  useEffect(() => void (document.documentElement.dataset.stop = !hello || may(store, "operate") ? "yes" : "no"), [hello]);
  useEffect(() => {
    if (!latch && phase === "stopped") {
      const timer = setTimeout(() => setPhase(""), 5000); // the verdict that tells of the latch comes within that
      return () => clearTimeout(timer);
    }
  }, [Boolean(latch), phase]);

  if (hello && !may(store, "operate"))
    return html`<span class="stop-not small dim">STOP needs the role operate; you are ${ROLE_NAMES[roleOf(store)]}</span>`;
  const isStopped = Boolean(latch) || phase === "stopped";
  return html`<div class="stop-place">
    <button class="stop" onClick=${press} aria-keyshortcuts="Control+." title="Stops every motion and exposure at once. Ctrl+.">
      <${Icon} name="stop" size="22" /><span>${phase === "stopping" ? "stopping …" : "STOP"}</span></button>
    ${isStopped && phase !== "stopping" ? html`<button class="release" onClick=${() => setAsking(true)}>stopped: release</button>` : null}
    ${
      asking
        ? html`<${Confirm} title="Release the stop?" yes="Release" tone="primary" onYes=${release} onClose=${() => setAsking(false)}>
      <p>${latch?.Owner ? html`Pressed by <b>${latch.Owner}</b>${latch.Reason ? `: ${latch.Reason}` : ""}. ` : null}
        After the release the observatory may move by itself again. Is everybody clear of it?</p><//>`
        : null
    }
    ${
      phase === "failed"
        ? html`<${Dialog} title="The stop was not confirmed" onClose=${() => setPhase("")}>
      <p class="message bad" role="alert">Nobody confirmed it. Press again, use <code>ctmo-indi stop</code> on the observatory's computer, or the switch on site.</p>
      <ul class="reasons">${faults.map((text) => html`<li>${text}</li>`)}</ul>
      <div class="row end"><button class="danger" onClick=${press}>Stop again</button></div><//>`
        : null
    }
  </div>`;
}
