// The tab Report: how a night was. Made here from the structured reply; its HTML is not used.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { dateTime } from "./format.js";
import { NightChoice } from "./night_choice.js";
import { Ledger } from "./report_ledger.js";
import { Debt, Faults, FramesTaken, Orders } from "./report_tables.js";
import { useStore } from "./store.js";

const LONGEST_MS = 60000;

export default function Report({ store, order }) {
  const [night, setNight] = useState(""); // empty: the last that is over
  const [answer, setAnswer] = useState({ night: null });
  const [asked, setAsked] = useState(0);
  const connected = useStore(store, (s) => s.connected);
  const nights = useStore(store, (s) => s.services.scheduler?.reply?.Nights) ?? [];
  useEffect(() => {
    let is_wanted = true;
    order("scheduler", { WOType: "Report", ...(night ? { Night: night } : {}) }, LONGEST_MS).then((found) => is_wanted && setAnswer({ ...found, night }));
    return () => {
      is_wanted = false;
    };
  }, [night, connected, asked]);
  const is_there = answer.night === night;
  const reply = is_there ? answer.reply : null;
  const shown = night || reply?.Night || nights[nights.length - 1]?.Night || "";
  return html`<div class="stack">
    <section class="panel" aria-labelledby="report-head">
      <header><h2 id="report-head">Report${reply ? ` of the night ${reply.Night.slice(0, 4)}-${reply.Night.slice(4, 6)}-${reply.Night.slice(6)}` : ""}</h2>
        <${NightChoice} night=${night} shown=${shown} now_text="last night" onNight=${setNight} /></header>
      ${reply ? html`<${Said} reply=${reply} onAgain=${() => setAsked((n) => n + 1)} />` : null}
      ${is_there && answer.fault ? html`<p class="message warn wrap" role="alert">${answer.fault.text}</p>` : null}
      ${is_there ? null : html`<p class="empty" role="status">the report is being made …</p>`}
    </section>
    ${reply ? html`<${Ledger} reply=${reply} /><${Orders} reply=${reply} /><${FramesTaken} reply=${reply} /><${Faults} reply=${reply} /><${Debt} reply=${reply} /><${AsText} reply=${reply} />` : null}
  </div>`;
}

function Said({ reply, onAgain }) {
  const attention = reply.Attention ?? [];
  return html`
    ${reply.Alarm ? html`<p class="message bad wrap" role="alert"><b>Dead night:</b> ${reply.Alarm}</p>` : null}
    ${attention.length ? html`<div class="message warn"><b>To look at</b><ul class="reasons">${attention.map((text) => html`<li class="wrap">${text}</li>`)}</ul></div>` : null}
    <p class="dim">${reply.Made ? `Made ${dateTime(reply.Made)} UTC. ` : ""}${reply.Whole === false ? html`The night is not over: this is up to now. <button onClick=${onAgain}>Make it again</button>` : ""}</p>`;
}

function AsText({ reply }) {
  if (!reply.Text) return null;
  return html`<section class="panel"><details><summary>The same as plain text</summary><div class="scroll" tabindex="0" role="region" aria-label="report as text"><pre class="mono small">${reply.Text}</pre></div></details></section>`;
}
