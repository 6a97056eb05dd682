// Is what the page shows true? The link's banner; and changes told to screen readers.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { telescopeHeard } from "./device.js";
import { Icon } from "./icons.js";
import { useStore, useTick } from "./store.js";
import { levelNow } from "./verdict.js";
import { plain } from "./words.js";

export function LinkBanner({ store, onRetry, onToken }) {
  const link = useStore(store, (s) => s.link);
  useTick(1);
  if (link.state === "live" || link.state === "connecting") return null;
  if (link.state === "token")
    return html`<div class="message slim bad" role="alert"><${Icon} name="lock" /><span>Not connected: a token is needed. What is shown is old.</span><button onClick=${onToken}>Enter a token</button></div>`;
  const left = Math.max(0, Math.ceil((link.retry_at_ms - performance.now()) / 1000));
  return html`<div class="message slim bad" role="alert"><${Icon} name="bad" />
    <span>Connection lost: what is shown is old. <span aria-live="off">Trying again ${left ? `in ${left} s` : "now"}.</span> <span class="dim">${link.error}</span></span>
    <button onClick=${onRetry}>Now</button></div>`;
}

/** Changes of state, politely, for those who do not see them. */
export function News({ store }) {
  const said = useRef({});
  const [text, setText] = useState("");
  const news = useStore(store, (s) => s.news);
  useStore(store, (s) => s.services);
  const now = {
    verdict: levelNow(store),
    observatory: store.services.telescope && (telescopeHeard(store) ? store.services.telescope.reply.Observatory : "UNKNOWN"),
    scheduler: store.services.scheduler?.reply?.["Summary State"],
  };
  useEffect(() => {
    const changes = Object.entries(now).filter(
      ([key, word]) => word && said.current[key] && said.current[key] !== word,
    );
    said.current = { ...said.current, ...now };
    if (changes.length) setText(changes.map(([key, word]) => `${key}: ${plain(word)}`).join("; "));
  }, [now.verdict, now.observatory, now.scheduler]);
  useEffect(() => news && setText(news), [news]);
  return html`<p class="unseen" role="status" aria-live="polite">${text}</p>`;
}
