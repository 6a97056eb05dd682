// Who is asking: the token dialogue, and the name orders go under where there is no token.
import { html, useState } from "./vendor/preact-htm.js";
import { canBeToken, hasToken, myName, setMyName, setToken } from "./api.js";
import { ROLE_NAMES, roleOf } from "./access.js";
import { Dialog } from "./dialog.js";

/** `why`: the desk's refusal, empty when opened by hand. */
export function TokenDialog({ store, why, onDone, onClose }) {
  const [text, setText] = useState("");
  const [name, setName] = useState(myName());
  const [wrong, setWrong] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (text.trim() && !canBeToken(text.trim())) {
      setText("");
      setWrong("This is no token: a token has letters and digits, and no spaces.");
      return;
    }
    if (text.trim()) setToken(text.trim());
    setMyName(name.trim().slice(0, 64));
    onDone();
  };
  const forget = () => {
    setToken("");
    onDone();
  };
  const caller = store.hello?.caller;
  return html`<${Dialog} title=${why ? "A token is needed" : "Who you are here"} onClose=${onClose}>
    ${wrong ? html`<p class="message bad" role="alert">${wrong}</p>` : null}
    ${why ? html`<p class="message warn" role="alert">${hasToken() ? "The token that is in use was refused: it is wrong, has expired, or was taken back." : "This observatory asks for a token."} <span class="dim small">${why}</span></p>` : html`<p>Your role: <b>${ROLE_NAMES[roleOf(store)]}</b>${hasToken() && caller?.name ? `, as ${caller.name}` : ""}.</p>`}
    <form onSubmit=${submit} class="stack">
      <div class="field"><label for="token">Token${hasToken() && !why ? " (one is in use; a new one takes its place)" : ""}</label>
        <input id="token" type="password" autofocus autocomplete="off" spellcheck=${false} value=${text} onInput=${(e) => setText(e.target.value)} />
        <span class="tip">Kept until this tab is closed. A site's owner makes one with: ctmo-indi token add</span></div>
      ${
        why || hasToken()
          ? null
          : html`<div class="field"><label for="my-name">Your name, for orders sent without a token</label>
        <input id="my-name" maxlength="64" value=${name} placeholder="web" onInput=${(e) => setName(e.target.value)} /></div>`
      }
      <div class="row end">${hasToken() ? html`<button type="button" onClick=${forget}>Forget the token</button>` : null}
        <button type="submit" class="primary">Use</button></div>
    </form>
  <//>`;
}
