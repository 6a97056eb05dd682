// Light, dark, or red for the night; kept on this computer.
const KEY = "ctmo-indi theme";
export const THEMES = [
  { id: "light", title: "light", icon: "sun" },
  { id: "dark", title: "dark", icon: "moon" },
  { id: "night", title: "red, for the night", icon: "lamp" },
];

export const theme = () => document.documentElement.dataset.theme;

export function setTheme(id) {
  document.documentElement.dataset.theme = id;
  try {
    localStorage.setItem(KEY, id);
  } catch {
    // forbidden: then for this visit only
  }
  dispatchEvent(new Event("themechange")); // charts draw their canvas anew
}

/** The next theme: the switch goes round. */
export function nextTheme() {
  const at = THEMES.findIndex((row) => row.id === theme());
  setTheme(THEMES[(at + 1) % THEMES.length].id);
}
