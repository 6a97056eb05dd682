// What the caller may do, by role; each role includes those before it (xmlrpc/front_desk.yaml).
import { html } from "./vendor/preact-htm.js";
import { hasToken, myName } from "./api.js";

const ROLES = ["read", "submit", "operate", "admin"];
export const ROLE_NAMES = { read: "observer", submit: "submit", operate: "operator", admin: "admin" };

export const roleOf = (store) => store.hello?.caller?.role ?? "read";

/** Whether the caller has at least that role. */
export const may = (store, role) => ROLES.indexOf(roleOf(store)) >= ROLES.indexOf(role);

/** In whose name orders go: the token's, else the name given here. */
export function userOf(store) {
  const name = store.hello?.caller?.name;
  return (hasToken() && name) || myName() || "web";
}

/** The keys that say whose an order is; with a token the desk knows it. */
export const signed = (store, order) => (hasToken() ? order : { ...order, User: userOf(store) });

/** Why there are no buttons. */
export function MayNot({ store, role, what }) {
  return html`<p class="dim small">You are here as ${ROLE_NAMES[roleOf(store)]}: to ${what} the role ${role} is needed. A token with it is entered at the person's sign above.</p>`;
}
