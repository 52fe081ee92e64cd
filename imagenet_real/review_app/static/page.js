// Shared by the pages: requests, elements (text always stays text), names and messages.
export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const picture = (source, id) => `/image/${source}/${id.split("/").map(encodeURIComponent).join("/")}`;

export function showMessage(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

export async function request(address, parameters, body) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value != null));
  const options = body === undefined ? {} :
    { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(`${address}?${query}`, options);
      const content = await response.json();
      if (!response.ok) throw new Error(content.error);
      showMessage("");
      return content;
    } catch (error) {
      // The server may be restarting. Each answer has a key, so the server stores it once even if it arrives twice.
      if (!(error instanceof TypeError) || attempt >= 20) { showMessage(error.message); throw error; }
      showMessage("The server does not answer. The page tries again. No stored answer is lost.");
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

export const isTyping = (event) => event.ctrlKey || event.metaKey || event.altKey || $("help")?.open ||
  ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);

export function choices(container, options, pick) {
  container.replaceChildren(...options.map(({ value, text, key }) => element(
    "button", { type: "button", "data-value": value, "aria-pressed": "false", onclick: () => pick(value) },
    text, element("kbd", {}, key))));
}

export function press(container, value) {
  for (const button of container.children) button.setAttribute("aria-pressed", String(button.dataset.value === value));
}
