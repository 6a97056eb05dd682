// Before the first paint: the theme that was chosen here, else the system's.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem("ctmo-indi theme");
  } catch {
    // storage may be forbidden: the system's
  }
  var dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = theme || (dark ? "dark" : "light");
})();
