// Single keys, off where somebody types; they can be switched off in the help.
import { useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { nextTheme } from "./theme.js";

const KEY = "ctmo-indi shortcuts";

/** [whether they are on, setter]; `does`: {tab(number), help(), order()}. */
export function useShortcuts(does) {
  const [on, setOn] = useState(read());
  const now = useRef(does);
  now.current = does;
  useEffect(() => {
    if (!on) return undefined;
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (document.querySelector("dialog[open]") || event.target.closest?.("input, select, textarea")) return;
      if (/^[1-9]$/.test(event.key)) now.current.tab(Number(event.key));
      else if (event.key === "?") now.current.help();
      else if (event.key === "n") now.current.order();
      else if (event.key === "t") nextTheme();
      else if (event.key === "/") document.querySelector("input[type=search]")?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [on]);
  return [on, (value) => (write(value), setOn(value))];
}

function read() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

function write(value) {
  try {
    localStorage.setItem(KEY, value ? "on" : "off");
  } catch {
    // forbidden: then for this visit only
  }
}
