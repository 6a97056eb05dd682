// Help: shortcuts, and what the words mean.
import { html } from "./vendor/preact-htm.js";
import { Dialog } from "./dialog.js";
import { TABS } from "./tabs.js";
import { State } from "./words.js";

const KEYS = [
  ["1 … 8", `show ${TABS.map((tab) => tab.title).join(", ")}`],
  ["← →, Home, End", "from tab to tab, when a tab has the focus"],
  ["Ctrl .", "STOP, at once (role operate)"],
  ["n", "new order"],
  ["/", "search orders, or the log"],
  ["t", "next theme"],
  ["?", "this help"],
  ["Esc", "close a dialogue"],
];

const WORDS = [
  ["verdict", "SAFE", "may be open"],
  ["verdict", "HOLD", "nothing new begins; what runs may end"],
  ["verdict", "UNSAFE", "must be closed; what is unknown or old is unsafe"],
  ["summary", "ENABLED", "the scheduler observes when it was told to resume"],
  ["summary", "STANDBY", "the scheduler does nothing; start and enable it"],
];

export function Help({ store, shortcuts, onShortcuts, onClose }) {
  return html`<${Dialog} title="Help" onClose=${onClose} wide=${true}>
    <h3>Keys</h3>
    <table><tbody>${KEYS.map(([key, does]) => html`<tr><td class="nowrap"><kbd>${key}</kbd></td><td>${does}</td></tr>`)}</tbody></table>
    <label class="check"><input type="checkbox" checked=${shortcuts} onChange=${(e) => onShortcuts(e.target.checked)} />single keys are shortcuts</label>
    <h3>Words</h3>
    <table><tbody>${WORDS.map(([of, word, means]) => html`<tr><td><${State} of=${of} word=${word} /></td><td>${means}</td></tr>`)}</tbody></table>
    <p class="dim small">ctmo-indi ${store.hello?.version ?? ""}${store.hello?.profile ? `, profile ${store.hello.profile}` : ""}. The page shows what the services say, as it happens; it never needs to be loaded anew.</p>
  <//>`;
}
