// Why nothing can begin, in few lines: first what holds everything, then the orders by reason and name.

const RECEIPT = /^([A-Z]-[0-9A-HJKMNP-TV-Z]{26}): (.*)$/;
const VALUE = /[-−+]?\d+(\.\d+)?/g;
const SUN = /\bSun (is at|altitude) ([-\d.]+) deg, (?:limit|expected at most) ([-\d.]+) deg/;
const LEAST = /^(.*?) [-\d.]+( \S+)?, expected at least ([-\d.]+)( \S+)?$/;
const MOST = /^(.*?) [-\d.]+( \S+)?, expected at most ([-\d.]+)( \S+)?$/;

/** The same reason with another value is the same reason. */
const kindOf = (text) => text.replace(VALUE, "#");

/** Without what differs from order to order: "altitude below 15.0 deg". */
function short(text) {
  const least = LEAST.exec(text);
  if (least) return `${least[1]} below ${least[3]}${least[4] ?? ""}`;
  const most = MOST.exec(text);
  return most ? `${most[1]} above ${most[3]}${most[4] ?? ""}` : text;
}

const parts = (text) => {
  const level = /^(unsafe|hold): /.exec(text)?.[0] ?? "";
  return text.slice(level.length).split("; ").map((one) => level + one);
};

/**
 * The lines of a Status: {sun, all, groups, receipts}.
 * `sun`: {altitude_deg, limit_deg} where the Sun holds everything, else null; `all`: lines that hold for everything;
 * `groups`: [{text, receipts}], most orders first; `receipts`: every order that is named.
 */
export function grouped(lines) {
  const all = new Map();
  const groups = new Map();
  const receipts = new Set();
  for (const line of lines) {
    const [, receipt, reason] = RECEIPT.exec(line) ?? [];
    if (receipt) receipts.add(receipt);
    for (const text of parts(reason ?? line)) {
      if (!receipt) all.set(kindOf(text), text);
      else if (groups.has(kindOf(text))) groups.get(kindOf(text)).receipts.add(receipt);
      else groups.set(kindOf(text), { text, receipts: new Set([receipt]) });
    }
  }
  for (const [kind, group] of groups)
    if (all.has(kind) || (receipts.size > 1 && group.receipts.size === receipts.size)) {
      if (!all.has(kind)) all.set(kind, `each of ${receipts.size} orders: ${short(group.text)}`);
      if (SUN.test(group.text)) all.set(kind, group.text);
      groups.delete(kind);
    }
  const suns = [...all.values()].map((text) => SUN.exec(text)).filter(Boolean);
  const sun = suns.length ? { altitude_deg: Number(suns[0][2]), limit_deg: Math.min(...suns.map((one) => Number(one[3]))) } : null;
  return {
    sun,
    all: [...all.values()].filter((text) => !SUN.test(text)),
    groups: [...groups.values()]
      .map(({ text, receipts }) => ({ text: receipts.size > 1 ? short(text) : text, receipts: [...receipts] }))
      .sort((a, b) => b.receipts.length - a.receipts.length),
    receipts: [...receipts],
  };
}
