// What the pages share: asking the server, building elements (text is always text), names and messages.
export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export const picture = (source, id) => `/image/${source}/${id.split("/").map(encodeURIComponent).join("/")}`;

export function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

export async function ask(address, parameters, body) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value != null));
  const options = body === undefined ? {} :
    { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await fetch(`${address}?${query}`, options);
      const content = await answer.json();
      if (!answer.ok) throw new Error(content.error);
      say("");
      return content;
    } catch (error) {
      // The server may be starting again. An answer carries a key, so that sending it twice stores it once.
      if (!(error instanceof TypeError) || attempt >= 20) { say(error.message); throw error; }
      say("The server does not answer; trying again. Nothing that was stored is lost.");
      await new Promise((wake) => setTimeout(wake, 1000));
    }
  }
}

export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export function enter(begin) {
  const field = $("name");
  field.value = localStorage.getItem("name") || "";
  const go = () => {
    if (!field.value.trim()) { field.focus(); return; }
    localStorage.setItem("name", field.value.trim());
    $("enter").hidden = true;
    begin(field.value.trim());
  };
  $("go").addEventListener("click", go);
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
  field.focus();
}

export const typing = (event) => event.ctrlKey || event.metaKey || event.altKey || $("help")?.open ||
  ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);

export function choices(container, options, pick) {
  container.replaceChildren(...options.map(({ value, text, key }) => element(
    "button", { type: "button", "data-value": value, "aria-pressed": "false", onclick: () => pick(value) },
    text, element("kbd", {}, key))));
}

export function press(container, value) {
  for (const button of container.children) button.setAttribute("aria-pressed", String(button.dataset.value === value));
}
