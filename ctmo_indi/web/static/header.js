// The top of the page: whose observatory, what time, how it is, who you are, and STOP.
import { html, useState } from "./vendor/preact-htm.js";
import { roleOf, ROLE_NAMES } from "./access.js";
import { hasToken } from "./api.js";
import { telescopeHeard } from "./device.js";
import { hours, siderealTime_h } from "./format.js";
import { Icon } from "./icons.js";
import { StopButton } from "./stop.js";
import { useStore, useTick } from "./store.js";
import { nextTheme, theme, THEMES } from "./theme.js";
import { levelNow } from "./verdict.js";
import { State } from "./words.js";

function Clocks({ store }) {
  useTick(1);
  const hello = useStore(store, (s) => s.hello);
  const ms = store.sky_ms();
  const utc = new Date(ms).toISOString();
  const local = new Date(ms).toTimeString().slice(0, 8);
  const lst = hello ? hours(siderealTime_h(ms, hello.site.longitude_deg)) : "–";
  return html`<dl class="clocks">
    <div><dt>UTC</dt><dd><span class="date">${utc.slice(0, 10)} </span>${utc.slice(11, 19)}</dd></div>
    <div title="the time zone of this computer"><dt>local</dt><dd>${local}</dd></div>
    <div title="local mean sidereal time of the site"><dt>LST</dt><dd>${lst}</dd></div>
    ${hello && hello.speed !== 1 ? html`<div class="speed" title="sky seconds in a second"><dt>clock</dt><dd>×${hello.speed}</dd></div>` : null}
  </dl>`;
}

function Standing({ store }) {
  useTick(2);
  useStore(store, (s) => s.services);
  useStore(store, (s) => s.connected);
  const summary = store.services.scheduler?.reply?.["Summary State"];
  const heard = store.connected && !store.services.scheduler?.error;
  const observatory = telescopeHeard(store) ? store.services.telescope.reply.Observatory : null;
  return html`<p class="standing">
    <${State} of="verdict" word=${levelNow(store)} big=${true} />
    <${State} of="observatory" word=${observatory ?? "UNKNOWN"} text=${observatory ? undefined : "observatory ?"} about=${observatory ? "observatory" : undefined} />
    <${State} of="summary" word=${(heard && summary) || "UNKNOWN"} text=${heard && summary ? undefined : "scheduler ?"} about=${heard && summary ? "scheduler" : undefined} />
  </p>`;
}

export function Header({ store, onPerson, onHelp }) {
  const hello = useStore(store, (s) => s.hello);
  const [, setShown] = useState(theme());
  const now = THEMES.find((row) => row.id === theme()) ?? THEMES[0];
  const change = () => {
    nextTheme();
    setShown(theme());
  };
  const link = useStore(store, (s) => s.link);
  const who = link.state === "token" ? "not known" : `${hasToken() && hello?.caller?.name ? `${hello.caller.name}, ` : ""}${ROLE_NAMES[roleOf(store)]}`;
  return html`<header class="top">
    <div class="name"><h1 class="site" title=${hello?.site?.name}>${hello?.site?.name ?? "Observatory"}</h1><${Clocks} store=${store} /></div>
    <${Standing} store=${store} />
    <div class="tools">
      <button class="plain who" onClick=${onPerson} title=${`Who you are here: ${who}; token and name`}><${Icon} name="person" /><span class="who-text">${hello ? who : "…"}</span></button>
      <button class="plain" onClick=${change} aria-label=${`theme: ${now.title}; change`} title=${`Theme: ${now.title}`}><${Icon} name=${now.icon} /></button>
      <button class="plain" onClick=${onHelp} aria-label="help and shortcuts" title="Help and shortcuts (?)"><${Icon} name="ask" /></button>
    </div>
    <${StopButton} store=${store} />
  </header>`;
}
