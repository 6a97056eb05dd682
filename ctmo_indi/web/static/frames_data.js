// The frames of a night from the Frames order, asked again when one more was looked at.
import { useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { useStore } from "./store.js";

const LIMIT = 300;
const PAUSE_MS = 3000;

/** {reply, fault}: newest first; `night` is YYYYMMDD, empty for the last night with frames. */
export function useFrames(store, order, night) {
  const [answer, setAnswer] = useState({ night: null });
  const news = useStore(store, (s) => s.events.findLast((event) => event.Kind === "frame" && event.service === "preprocessor"));
  const connected = useStore(store, (s) => s.connected);
  const last_ms = useRef(-Infinity);
  useEffect(() => {
    let is_shown = true;
    const ask = async () => {
      last_ms.current = performance.now();
      const found = await order("scheduler", { WOType: "Frames", Limit: LIMIT, ...(night ? { Night: night } : {}) });
      if (!is_shown) return;
      setAnswer((before) => (found.reply || before.night !== night ? { ...found, night } : { ...before, fault: found.fault }));
    };
    const is_other = answer.night !== night;
    const timer = setTimeout(ask, is_other ? 0 : Math.max(0, last_ms.current + PAUSE_MS - performance.now()));
    return () => {
      is_shown = false;
      clearTimeout(timer);
    };
  }, [night, news, connected]);
  return answer.night === night ? answer : {};
}
