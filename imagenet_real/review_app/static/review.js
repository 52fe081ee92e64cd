import { $, ask, choices, element, enter, newKey, picture, press, say, typing } from "./page.js";

const CATEGORIES = ["Fine-grained error", "Fine-grained error with OOV", "Spurious Correlation", "Non-prototypical",
  "Fine-grained with Multilabel Options"];
const SHORT = ["fine-grained", "fine-grained, true class not among ours", "spurious correlation", "non-prototypical",
  "fine-grained, several labels"];
const FIELDS = {
  prediction: [["correct", "correct", "c"], ["wrong", "wrong", "w"], ["unclear", "unclear", "x"]],
  problematic: [["yes", "problematic: does not count", "p"]],
  category: CATEGORIES.map((value, at) => [value, SHORT[at], String(at + 1)]),
  context: [["over-reliance", "over-reliance on it", "o"], ["lack", "lack of it", "l"]],
  severity: [["Major", "major", "m"], ["Minor", "minor", "i"], ["Borderline", "borderline", "b"]],
};
const OTHER_KEYS = [["Enter", "store and go on"], ["u", "undo the last verdict"], ["← →", "back, skip"], ["z", "zoom"],
  ["t", "comment"], ["/", "find a class; in the list: Enter adds it as right as well"], ["n", "classes like the prediction"],
  ["f", "filter"], ["?", "these keys"]];

let name = "", panel = false, item = null, start = 0, storing = false, blank;
let verdict = {};

const view = () => ({ name, panel: panel ? "1" : "", state: $("state").value, category: $("by-category").value,
  class: $("by-class").value.replace(/\D/g, ""), by: $("by-reviewer").value });

async function show(parameters) {
  const found = await ask("/api/item", { ...view(), ...parameters });
  showProgress(found.progress);
  item = found.item;
  $("review").hidden = item === null;
  if (item === null) { $("where").textContent = ""; say("Nothing is left to show under this filter."); return; }
  start = item.place;
  $("where").textContent = `${item.model}: mistake ${item.place + 1} of ${item.total}`;
  $("image-id").textContent = item.image_id;
  $("picture").src = picture("of", item.image_id);
  $("picture").alt = `image ${item.image_id}`;
  $("figure").classList.remove("zoomed");
  $("asked").textContent = item.predicted.name;
  showTop(); showClasses(); showGuess(); showOthers();
  $("found").replaceChildren(); $("search").value = "";
  const mine = item.mine;
  verdict = mine ? { ...mine, problematic: mine.problematic ? "yes" : null } : { ...blank };
  $("comment").value = verdict.comment;
  showVerdict();
  if (document.activeElement !== document.body) document.activeElement.blur();
}

function showProgress(progress) {
  $("bar").max = progress.total; $("bar").value = progress.mine;
  $("progress").textContent = `${progress.mine} of ${progress.total} by you, ${progress.final} final, ${progress.disputed} disputed`;
  const chosen = $("by-reviewer").value;
  $("by-reviewer").replaceChildren(element("option", { value: "" }, "anybody or nobody"),
    ...Object.keys(progress.reviewers).map((one) => element("option", { value: one }, one)));
  $("by-reviewer").value = chosen;
}

function showTop() {
  const likely = item.top.every(({ score }) => score !== null && score >= 0 && score <= 1);
  $("top").replaceChildren(...item.top.map(({ class: label, name: called, score }, at) => element("tr", {},
    element("td", {}, at ? called : element("strong", {}, called)),
    element("td", { className: "bar" }, likely ? element("meter", { value: score, max: 1, min: 0 }) : ""),
    element("td", { className: "number" }, score === null ? "" : likely ? `${(score * 100).toFixed(1)} %` : score.toFixed(2)),
    element("td", { className: "number soft" }, String(label)))));
}

function aClass(about, tags, kind) {
  const label = element("div", {}, element("strong", {}, about.name), " ",
    element("span", { className: "soft" }, [about.class, about.code].filter((one) => one !== "").join(" · ")), " ",
    element("span", { className: "tags" }, ...tags.map(([text, mark]) => element("span", { className: `tag ${mark}` }, text))),
    element("div", { className: "soft" }, about.meaning));
  return element("div", { className: `class ${kind}` }, label, element("div", { className: "examples" },
    ...about.examples.map((id) => element("img", { src: picture(about.examples_in, id), alt: `example of ${about.name}`, loading: "lazy" }))));
}

function showClasses() {
  const shown = new Map([[item.predicted.class, [item.predicted, [["prediction", "predicted"]], "predicted"]]]);
  for (const [set, answers] of Object.entries(item.says)) {
    for (const about of answers) {
      if (!shown.has(about.class)) shown.set(about.class, [about, [], "right"]);
      shown.get(about.class)[1].push([set, "right"]);
    }
  }
  const none = Object.entries(item.says).filter(([, answers]) => !answers.length).map(([set]) => set);
  $("classes").replaceChildren(...[...shown.values()].map((one) => aClass(...one)),
    none.length ? element("p", { className: "soft" }, `${none.join(", ")}: no label for this image`) : "");
}

function showGuess() {
  const parts = [];
  if (item.guess) parts.push(`A first guess: ${SHORT[CATEGORIES.indexOf(item.guess)]}, because ${item.reason}.`);
  if (item.label_may_be_missing) parts.push(`${Math.round(item.agreeing * 100)} % of other models answer the same: a label may be missing.`);
  $("guess").textContent = parts.join(" ");
  $("guess").hidden = !parts.length;
}

function showOthers() {
  const said = Object.entries(item.others);
  $("others").hidden = !said.length;
  $("said").replaceChildren(...said.map(([who, one]) => element("tr", {}, element("th", {}, who), element("td", {},
    [one.prediction, one.problematic ? "problematic" : null, one.category, one.context, one.severity,
      one.also_right.length ? `also right: ${one.also_right.join(", ")}` : null, one.comment].filter(Boolean).join(" · ")))));
}

function showVerdict() {
  for (const field of Object.keys(FIELDS)) press($(field), verdict[field]);
  $("if-wrong").hidden = verdict.prediction !== "wrong";
  $("if-spurious").hidden = verdict.category !== "Spurious Correlation";
  $("also").replaceChildren(...(verdict.also_right.length ? [element("p", { className: "row" }, "also right: ",
    ...verdict.also_right.map((label) => element("button", { type: "button", onclick: () => toggleRight(label),
      title: "take it away" }, `${names.get(label) || label} ✕`)))] : []));
}

function pick(field, value) {
  if (!item) return;
  if (["category", "severity", "context"].includes(field) && verdict.prediction !== "wrong") verdict.prediction = "wrong";
  if (field === "context") verdict.category = "Spurious Correlation";
  verdict[field] = verdict[field] === value ? null : value;
  if (verdict.prediction !== "wrong") { verdict.category = null; verdict.severity = null; }
  if (verdict.category !== "Spurious Correlation") verdict.context = null;
  showVerdict();
}

const names = new Map();
function toggleRight(label) {
  const at = verdict.also_right.indexOf(label);
  verdict.also_right = at < 0 ? [...verdict.also_right, label] : verdict.also_right.filter((one) => one !== label);
  showVerdict();
}

async function store() {
  if (!item || storing) return;
  if (!verdict.prediction && !verdict.problematic) { say("First say whether the prediction is correct, wrong or unclear."); return; }
  if (verdict.prediction === "wrong" && !verdict.problematic && !(verdict.category && verdict.severity)) {
    say("A wrong prediction needs a category (1 to 5) and a severity (m, i or b)."); return;
  }
  storing = true;
  try {
    const content = { ...verdict, problematic: verdict.problematic === "yes", comment: $("comment").value };
    await ask("/api/judge", view(), { key: newKey(), image_id: item.image_id, verdict: content });
    await show({ start: (start + 1) % item.total });
  } finally { storing = false; }
}

async function undo() {
  const { image_id: image } = await ask("/api/undo", view(), {});
  if (image === null) { say("There is nothing to undo."); return; }
  await show({ image_id: image });
  say("The last verdict is taken back; here is its image again.");
}

const step = (direction) => item && show({ start: (start + direction + item.total) % item.total, back: direction < 0 ? "1" : "" });

let asked = 0;
async function find(parameters) {
  const number = ++asked;
  const found = await ask("/api/classes", parameters);
  if (number !== asked) return;  // a later question was asked meanwhile
  found.forEach((about) => names.set(about.class, about.name));
  $("found").replaceChildren(...found.map((about) => element("li", {}, aClass(about, [], ""),
    element("button", { type: "button", onclick: () => { toggleRight(about.class); } }, "right as well"))));
}

function onKey(event) {
  if (event.key === "Escape" && typing(event)) { event.target.blur?.(); return; }
  if (event.target === $("search") && event.key === "Enter") { $("found").querySelector("button")?.focus(); event.preventDefault(); return; }
  if (typing(event) || $("review").hidden && event.key !== "u" && event.key !== "f") return;
  if (event.key === "Enter" && event.target.closest("#found, header, .filters, a")) return;  // it is theirs
  const bound = { Enter: store, u: undo, ArrowLeft: () => step(-1), ArrowRight: () => step(1), t: () => $("comment").focus(),
    z: () => $("figure").classList.toggle("zoomed"), "/": () => $("search").focus(), f: () => $("state").focus(),
    n: () => find({ near: item.predicted.class }), "?": () => $("help").showModal() };
  for (const [field, options] of Object.entries(FIELDS)) {
    for (const [value, , key] of options) bound[key] = () => pick(field, value);
  }
  if (!(event.key in bound)) return;
  event.preventDefault();
  bound[event.key]();
}

blank = { prediction: null, problematic: null, category: null, context: null, severity: null, also_right: [], comment: "" };
for (const [field, options] of Object.entries(FIELDS)) {
  choices($(field), options.map(([value, text, key]) => ({ value, text, key })), (value) => pick(field, value));
}
$("by-category").append(...CATEGORIES.map((value, at) => element("option", { value }, SHORT[at])));
$("key-table").append(...[...Object.values(FIELDS).flat().map(([, text, key]) => [key, text]), ...OTHER_KEYS]
  .map(([key, text]) => element("tr", {}, element("td", {}, element("kbd", {}, key)), element("td", {}, text))));
for (const id of ["state", "by-category", "by-class", "by-reviewer"]) $(id).addEventListener("change", () => show({ start: 0 }));
$("search").addEventListener("input", () => find({ q: $("search").value }));
for (const [id, act] of [["store", store], ["undo", undo], ["back", () => step(-1)], ["skip", () => step(1)],
  ["near", () => find({ near: item.predicted.class })], ["keys", () => $("help").showModal()]]) $(id).addEventListener("click", act);
$("picture").addEventListener("click", () => $("figure").classList.toggle("zoomed"));
document.addEventListener("keydown", onKey);
enter((who) => { name = who; panel = $("as-panel").checked; $("filters").hidden = false; show({ start: 0 }); });
