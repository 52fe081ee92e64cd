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

// "about 20 minutes", from seconds for each and their number.
export function duration(seconds, count) {
  const minutes = Math.max(1, Math.round(seconds * count / 60));
  return minutes < 90 ? `about ${minutes} minute${minutes === 1 ? "" : "s"}` : `about ${(minutes / 60).toFixed(1)} hours`;
}

export const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

// The guidelines are the team's own Markdown, made into HTML by the server, without scripts and pictures.
function showGuidelines(html) {
  for (const box of document.querySelectorAll(".guidelines")) {
    box.hidden = !html;
    const folded = box.querySelector("details");
    if (folded) folded.open = innerWidth > 760;
    box.querySelector(".text").replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  }
}

// Answers that the server has not acknowledged. They stay in the browser, also if the page is closed, and are sent again.
const UNSENT = "unsent";
const unsent = () => JSON.parse(localStorage.getItem(UNSENT) || "[]");
const keep = (answers) => localStorage.setItem(UNSENT, JSON.stringify(answers));
const forget = (answer) => keep(unsent().filter((other) => JSON.stringify(other) !== JSON.stringify(answer)));

async function deliver(answer) {
  let isKept = false;
  try {
    return await request(...answer);
  } catch (error) {
    isKept = error.isTemporary;
    throw error;
  } finally { if (!isKept) forget(answer); }
}

export async function sendUnsent() {
  for (const answer of unsent()) await deliver(answer).catch((error) => { if (error.isTemporary) throw error; });
}

// Stores an answer: it is kept until the server has it, or refuses it for good.
export async function send(...answer) {
  await sendUnsent();
  keep([...unsent(), answer]);
  return deliver(answer);
}

export async function request(address, parameters, body) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value != null));
  const options = body === undefined ? {} :
    { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(`${address}?${query}`, options);
      const content = await response.json();
      if (!response.ok) throw Object.assign(new Error(content.error), { isTemporary: response.status === 503 });
      showMessage("");
      return content;
    } catch (error) {
      // The server may be restarting. Each answer has a key, so the server stores it once even if it arrives twice.
      if (error instanceof TypeError) Object.assign(error, { isTemporary: true, text: "The server does not answer." });
      if (!error.isTemporary || attempt >= 20) { showMessage(error.text || error.message); throw error; }
      showMessage(`${error.text || error.message} The page tries again. No stored answer is lost.`);
      await new Promise((wake) => setTimeout(wake, 1000));
    }
  }
}

export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Shows what there is to do, and calls `begin` with the name that a person enters. A link may bring it: /?name=rater001
export function enter(begin, describe) {
  if (location.hash.startsWith("#token=")) history.replaceState(null, "", location.pathname + location.search);
  const field = $("name"), linked = new URLSearchParams(location.search).get("name");
  field.value = linked || localStorage.getItem("name") || "";
  request("/api/about", {}).then((about) => { $("about").textContent = describe(about); showGuidelines(about.guidelines); })
    .catch(() => {});  // the message says why
  const go = () => {
    if (!field.value.trim()) { field.focus(); return; }
    localStorage.setItem("name", field.value.trim());
    $("enter").hidden = true;
    sendUnsent().catch(() => {}).then(() => begin(field.value.trim()));
  };
  $("go").addEventListener("click", go);
  field.addEventListener("input", () => showMessage(""));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
  field.focus();
}

// The next picture begins at the top of the page, also where the last one was judged further down.
export const toTop = () => window.scrollTo(0, 0);

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
