// The verdict as the page believes it: unknown where safety has not been heard.
const OLD_S = 30; // older than that it is no longer believed, as the telescope does

/** {level, reasons, rules, lock, latch, heard_s}: from safety itself, else as the scheduler or telescope last heard it. */
export function verdictNow(store) {
  for (const name of ["safety", "scheduler", "telescope"]) {
    const verdict = store.services[name]?.reply?.Verdict;
    if (verdict && (!store.services[name].error || name === "telescope")) return remembered(verdict);
  }
  return NOTHING;
}

const NOTHING = { level: "UNKNOWN", reasons: [], rules: [], lock: null, latch: null, cycle: 0 };
const known = new WeakMap(); // the same object for the same reply: useStore compares by identity

function remembered(verdict) {
  if (!known.has(verdict))
    known.set(verdict, {
      level: verdict.Level ?? "UNKNOWN",
      reasons: verdict.Reasons ?? [],
      rules: verdict.Rules ?? [],
      lock: filled(verdict.Lock),
      latch: filled(verdict.Latch),
      cycle: verdict.Cycle ?? 0,
    });
  return known.get(verdict);
}

const filled = (struct) => (struct && Object.keys(struct).length ? struct : null);

/** How old the verdict is, machine seconds; Infinity where there is none. What does not change is told again each 5 s. */
export function verdictAge_s(store) {
  const entry = store.services.safety;
  const told = entry?.reply?.["Verdict Age"];
  if (typeof told !== "number") return Infinity;
  return told + store.age_s("safety");
}

/** Its level, or UNKNOWN where it is too old or the page hears nothing. */
export function levelNow(store) {
  if (!store.connected || verdictAge_s(store) > OLD_S) return "UNKNOWN";
  return verdictNow(store).level;
}
