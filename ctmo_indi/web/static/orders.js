// The tab Orders: list, a new one, one in detail, and the operator's commands; #orders/WHAT says which.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { may } from "./access.js";
import { Commands } from "./commands.js";
import { Icon } from "./icons.js";
import { OrderDetails } from "./order_details.js";
import { OrderForm } from "./order_form.js";
import { OrderList } from "./order_list.js";
import { useStore } from "./store.js";

const PARTS = [
  { id: "", title: "List", icon: "orders" },
  { id: "new", title: "New", icon: "plus" },
  { id: "commands", title: "Commands", icon: "devices" },
];

/** What follows #orders/; as it is where it is no encoded text. */
function part() {
  const text = location.hash.slice(1).split("/").slice(1).join("/");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export default function Orders({ store, order }) {
  const [shown, setShown] = useState(part());
  useStore(store, (s) => s.hello);
  useEffect(() => {
    const moved = () => location.hash.startsWith("#orders") && setShown(part());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  const is_known = PARTS.some((row) => row.id === shown);
  return html`<div class="stack">
    <nav class="row parts" aria-label="orders">
      ${PARTS.map(
        (
          row,
        ) => html`<a class="button" href=${`#orders${row.id && `/${row.id}`}`} aria-current=${row.id === shown ? "page" : undefined}>
        <${Icon} name=${row.icon} size="17" />${row.title}</a>`,
      )}
    </nav>
    ${shown === "" ? html`<${OrderList} store=${store} order=${order} />` : null}
    ${shown === "new" ? html`<${OrderForm} store=${store} order=${order} />` : null}
    ${shown === "commands" ? html`<${Commands} store=${store} order=${order} />` : null}
    ${is_known ? null : html`<${OrderDetails} key=${shown} receipt=${shown} store=${store} order=${order} may_cancel=${may(store, "submit")} />`}
  </div>`;
}
