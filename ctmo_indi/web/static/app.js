// The page: header, tabs, banners, dialogues. What is in a tab is its own module's.
import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./vendor/preact-htm.js";
import { onTokenNeeded, order } from "./api.js";
import { Header } from "./header.js";
import { Help } from "./help.js";
import { Icon } from "./icons.js";
import { LinkBanner, News } from "./banner.js";
import { useShortcuts } from "./shortcuts.js";
import { Store, useStore } from "./store.js";
import { Stream } from "./stream.js";
import { TABS } from "./tabs.js";
import { TokenDialog } from "./token.js";

const LATER_MS = 1500; // after the first tab is there
const store = new Store();
const stream = new Stream(store);

const tabOfAddress = () => TABS.find((tab) => tab.id === location.hash.slice(1).split("/")[0])?.id ?? TABS[0].id;

function TabBar({ shown, onShow }) {
  const bar = useRef(null);
  const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  const onKey = (event) => {
    if (!(event.key in moves)) return;
    event.preventDefault();
    const at = TABS.findIndex((tab) => tab.id === shown);
    const step = moves[event.key];
    const to = Number.isFinite(step) ? (at + step + TABS.length) % TABS.length : step < 0 ? 0 : TABS.length - 1;
    onShow(TABS[to].id);
    bar.current.querySelector(`#tab-${TABS[to].id}`).focus();
  };
  useEffect(() => {
    bar.current.querySelector(`#tab-${shown}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    document.title = `${TABS.find((tab) => tab.id === shown).title} · ${store.hello?.site?.name ?? "Observatory"}`;
  }, [shown]);
  return html`<nav class="bar" aria-label="parts of the page"><div role="tablist" ref=${bar} onKeyDown=${onKey} aria-label="parts of the page">
    ${TABS.map(
      (
        tab,
      ) => html`<button role="tab" key=${tab.id} id=${`tab-${tab.id}`} class="tab" aria-selected=${tab.id === shown ? "true" : "false"}
      aria-controls="shown" tabindex=${tab.id === shown ? 0 : -1} onClick=${() => onShow(tab.id)}><${Icon} name=${tab.icon} /><span>${tab.title}</span></button>`,
    )}
  </div></nav>`;
}

/** One tab, loaded when it is first shown; its error stays in it. Browsers never ask again for a module that failed. */
function Shown({ tab, connected }) {
  const [made, setMade] = useState({});
  const [error, forget] = useErrorBoundary((error) => console.error(error));
  const load = () =>
    tab.load().then(
      (module) => setMade({ id: tab.id, Tab: module.default }),
      () => setMade({ id: tab.id, failed: true }),
    );
  useEffect(() => void load(), [tab.id]);
  if (error)
    return html`<div class="message bad" role="alert"><p>This part of the page failed: ${String(error.message ?? error)}</p><button onClick=${forget}>Try again</button></div>`;
  if (made.id !== tab.id) return html`<p class="empty loading">…</p>`;
  if (made.failed)
    return html`<div class="message warn" role="alert"><p>This part of the page could not be loaded.${connected ? "" : " It can be when the connection is back."}</p>
      ${connected ? html`<button onClick=${() => location.reload()}>Load the page anew</button>` : null}</div>`;
  return html`<${made.Tab} store=${store} order=${order} />`;
}

function App() {
  const [shown, setShown] = useState(tabOfAddress());
  const [dialogue, setDialogue] = useState(null); // null, {kind, why}
  const notice = useStore(store, (s) => s.notice);
  useEffect(() => {
    onTokenNeeded((why) => setDialogue({ kind: "token", why: why || "This observatory asks for a token." }));
    const moved = () => setShown(tabOfAddress());
    addEventListener("hashchange", moved);
    stream.start();
    return () => removeEventListener("hashchange", moved);
  }, []);
  const connected = useStore(store, (s) => s.connected);
  useEffect(() => {
    if (!connected) return undefined;
    // All tabs, so that each can be looked at when the connection is lost.
    const timer = setTimeout(() => TABS.forEach((tab) => tab.load().catch(() => undefined)), LATER_MS);
    return () => clearTimeout(timer);
  }, [connected]);
  const show = (id) => {
    location.hash = id;
    setShown(id);
  };
  const [shortcuts, setShortcuts] = useShortcuts({
    tab: (number) => TABS[number - 1] && show(TABS[number - 1].id),
    help: () => setDialogue({ kind: "help" }),
    order: () => (location.hash = "orders/new"),
  });
  const close = () => setDialogue(null);
  const tab = TABS.find((row) => row.id === shown);
  return html`<div class="page">
    <a class="skip" href="#shown" onClick=${(e) => {
      e.preventDefault();
      document.getElementById("shown").focus();
    }}>to the content</a>
    <div class="head"><${Header} store=${store} onPerson=${() => setDialogue({ kind: "token", why: "" })} onHelp=${() => setDialogue({ kind: "help" })} />
      <${TabBar} shown=${shown} onShow=${show} /></div>
    <${LinkBanner} store=${store} onRetry=${() => stream.now()} onToken=${() => setDialogue({ kind: "token", why: "" })} />
    ${
      notice
        ? html`<div class=${`message slim ${notice.tone}`} role="status"><span>${notice.text}</span>
      <button class="plain" aria-label="dismiss" onClick=${() => store.set({ notice: null })}><${Icon} name="close" size="16" /></button></div>`
        : null
    }
    <main><div id="shown" role="tabpanel" tabindex="-1" aria-labelledby=${`tab-${shown}`} key=${shown}><${Shown} tab=${tab} connected=${connected} /></div></main>
    <${News} store=${store} />
    ${
      dialogue?.kind === "token"
        ? html`<${TokenDialog} store=${store} why=${dialogue.why} onClose=${close} onDone=${() => {
            close();
            stream.now();
          }} />`
        : null
    }
    ${dialogue?.kind === "help" ? html`<${Help} store=${store} shortcuts=${shortcuts} onShortcuts=${setShortcuts} onClose=${close} />` : null}
  </div>`;
}

const place = document.getElementById("app");
place.replaceChildren();
render(html`<${App} />`, place);
