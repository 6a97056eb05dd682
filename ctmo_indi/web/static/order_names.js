// Names of orders by receipt: asked once each, told to whoever draws them.
import { useEffect, useState } from "./vendor/preact-htm.js";

const KEPT = 500;
const asked = new Map(); // receipt -> promise of the reply, or null
const answered = new Map();

/** The Status reply of an order or attempt, null until it is known; nothing is asked without a receipt. */
export const useOrder = (receipt, order) => useOrders([receipt], order)[0];

/** The same for several, in their order. */
export function useOrders(receipts, order) {
  const [, draw] = useState(0);
  useEffect(() => {
    let is_shown = true;
    for (const receipt of receipts.filter((one) => one && !answered.has(one)))
      ask(receipt, order).then(() => is_shown && draw((n) => n + 1));
    return () => (is_shown = false);
  }, [receipts.join(" ")]);
  return receipts.map((receipt) => answered.get(receipt) ?? null);
}

async function ask(receipt, order) {
  if (!asked.has(receipt)) {
    if (asked.size > KEPT) {
      asked.clear();
      answered.clear();
    }
    asked.set(receipt, order("scheduler", { WOType: "Status", Receipt: receipt }));
  }
  const { reply } = await asked.get(receipt);
  if (reply) answered.set(receipt, reply);
  else asked.delete(receipt); // not answered: the next who draws it asks again
}

const named = new Map(); // receipt -> name
const LIST_LIMIT = 500;
const ONE_BY_ONE = 10;

/** Names of several orders, as a Map; those not yet known are not in it. One question for the newest, then some one by one. */
export function useNames(receipts, order) {
  const [, draw] = useState(0);
  useEffect(() => {
    const unknown = receipts.filter((one) => !named.has(one));
    if (!unknown.length) return undefined;
    let is_shown = true;
    learn(unknown, order).then(() => is_shown && draw((n) => n + 1));
    return () => (is_shown = false);
  }, [receipts.join(" ")]);
  return new Map(receipts.filter((one) => named.has(one)).map((one) => [one, named.get(one)]));
}

async function learn(receipts, order) {
  const { reply } = await order("scheduler", { WOType: "Status", All: true, Limit: LIST_LIMIT });
  if (named.size > 4 * LIST_LIMIT) named.clear();
  for (const one of reply?.Orders ?? []) named.set(one.Receipt, nameOf(one));
  const left = receipts.filter((one) => !named.has(one)).slice(0, ONE_BY_ONE);
  for (const one of left) {
    await ask(one, order);
    if (answered.has(one)) named.set(one, nameOf(answered.get(one)));
  }
}

/** "M 15" or what else names it. */
export const nameOf = (reply) => reply?.Object || reply?.ID || reply?.Receipt || "";
