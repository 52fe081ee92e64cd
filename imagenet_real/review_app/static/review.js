import { $, choices, duration, element, enter, isTyping, newKey, picture, plural, press, request, send, showMessage, toTop } from "./page.js";

const CATEGORIES = ["Fine-grained error", "Fine-grained error with OOV", "Spurious Correlation", "Non-prototypical",
  "Fine-grained with Multilabel Options"];
const SHORT = ["fine-grained", "fine-grained, the true class is missing", "spurious correlation", "non-prototypical",
  "fine-grained, several labels"];
const FIELDS = {
  prediction: [["correct", "correct", "c"], ["wrong", "wrong", "w"], ["unclear", "unclear", "x"]],
  label_wrong: [["yes", "the label is wrong", "e"]],
  problematic: [["yes", "cannot be judged: leave it out of the accuracy", "p"]],
  category: CATEGORIES.map((value, index) => [value, SHORT[index], String(index + 1)]),
  context: [["over-reliance", "over-reliance on it", "o"], ["lack", "lack of it", "l"]],
  severity: [["Major", "major", "m"], ["Minor", "minor", "i"], ["Borderline", "borderline", "b"]],
};
const OTHER_KEYS = [["Enter", "save, and show the next mistake"], ["u", "undo the last verdict"], ["← →", "back, skip"], ["z", "zoom"],
  ["t", "comment"], ["/", "find a class; Enter makes the first of the list right too"], ["n", "classes similar to the prediction"],
  ["f", "filter"], ["?", "these keys"]];

let lastSearch = 0, matches = [], needsCategory = true, name = "", panel = false, item = null, start = 0, storing = false, verdict = {};

const view = () => ({ name, panel: panel ? "1" : "", state: $("state").value, category: $("by-category").value,
  class: $("by-class").value.trim(), by: $("by-reviewer").value });

async function show(parameters) {
  const response = await request("/api/item", { ...view(), ...parameters });
  showProgress(response.progress);
  item = response.item;
  $("review").hidden = item === null;
  if (item === null) { $("where").textContent = ""; showMessage($("state").value === "open" && !panel ? "You have judged every mistake that passes this filter. Thank you." : "No mistake passes this filter."); return; }
  start = item.place;
  toTop();
  $("where").textContent = `${item.model}: mistake ${item.place + 1} of ${item.total}`;
  $("image-id").textContent = item.image_id;
  $("picture").src = picture("main", item.image_id);
  $("picture").alt = `image ${item.image_id}`;
  $("figure").classList.remove("zoomed");
  $("asked").textContent = item.predicted.name;
  showTop(); showClasses(); showGuess(); showOthers();
  clearSearch();
  const stored = item.verdict;
  verdict = stored ? { ...stored, problematic: stored.problematic ? "yes" : null, label_wrong: stored.label_wrong ? "yes" : null } : { ...NO_VERDICT };
  $("comment").value = verdict.comment;
  showVerdict();
  if (document.activeElement !== document.body) document.activeElement.blur();
}

function showProgress(progress) {
  $("bar").hidden = false;
  $("bar").max = progress.total; $("bar").value = progress.mine;
  $("progress").textContent = [`${progress.mine} of ${progress.total} judged by you`,
    progress.needed > 1 ? `${progress.final} decided` : "",
    progress.waiting ? `${progress.waiting} wait for another reviewer` : "",
    progress.disputed ? `${progress.disputed} disputed` : ""].filter(Boolean).join(", ");
  const chosen = $("by-reviewer").value;
  $("by-reviewer").replaceChildren(element("option", { value: "" }, "anybody"),
    ...Object.keys(progress.reviewers).map((reviewer) => element("option", { value: reviewer }, reviewer)));
  $("by-reviewer").value = chosen;
}

function showTop() {
  const areProbabilities = item.top.every(({ score }) => score !== null && score >= 0 && score <= 1);
  $("top").replaceChildren(...item.top.map(({ class: label, name: className, score }, rank) => element("tr", {},
    element("td", {}, rank ? className : element("strong", {}, className)),
    element("td", { className: "bar" }, areProbabilities ? element("meter", { value: score, max: 1, min: 0 }) : ""),
    element("td", { className: "number" }, score === null ? "" : areProbabilities ? `${(score * 100).toFixed(1)} %` : score.toFixed(2)),
    element("td", { className: "number soft" }, String(label) === className ? "" : String(label)))));
}

function classCard(about, tags, kind) {
  const label = element("div", {}, element("strong", {}, about.name), " ",
    element("span", { className: "soft" }, [about.class, about.code].filter((text) => text !== "" && String(text) !== about.name).join(" · ")), " ",
    element("span", { className: "tags" }, ...tags.map(([text, mark]) => element("span", { className: `tag ${mark}` }, text))),
    element("div", { className: "soft" }, about.meaning));
  return element("div", { className: `class ${kind}` }, label, element("div", { className: "examples" },
    ...about.examples.filter((id) => id !== item.image_id).map((id) => element("img", { src: picture(about.examples_in, id), alt: `example of ${about.name}`, loading: "lazy" }))));
}

function showClasses() {
  const cards = new Map([[item.predicted.class, [item.predicted, [["prediction", "predicted"]], "predicted"]]]);
  for (const [labelSet, labels] of Object.entries(item.label_sets)) {
    for (const about of labels) {
      if (!cards.has(about.class)) cards.set(about.class, [about, [], "right"]);
      cards.get(about.class)[1].push([labelSet, "right"]);
    }
  }
  const [underReview] = Object.values(item.label_sets);
  $("labels-now").textContent = underReview?.length ? `: ${underReview.map((about) => about.name).join(", ")}` : "";
  for (const about of [item.predicted, ...Object.values(item.label_sets).flat()]) names.set(about.class, about.name);
  const empty = Object.entries(item.label_sets).filter(([, labels]) => !labels.length).map(([labelSet]) => labelSet);
  $("classes").replaceChildren(...[...cards.values()].map((card) => classCard(...card)),
    empty.length ? element("p", { className: "soft" }, `${empty.join(", ")}: no label for this image`) : "");
}

function guessOf(hint) {
  if (!hint) return "";
  return [hint.guess ? `The program guesses: ${SHORT[CATEGORIES.indexOf(hint.guess)]}, because ${hint.reason}.` : "",
    hint.label_may_be_missing ? `${Math.round(hint.agreeing * 100)} % of the other models predict the same class: a label may be missing.` : "",
  ].filter(Boolean).join(" ");
}

function showGuess() {
  $("guess").textContent = guessOf(item.hint);
  $("guess").hidden = !item.hint;
}

// What was saved, and the guess about it, are shown beside the next mistake: by then the guess influences nobody.
function showSaved(text) {
  $("last").textContent = text;
  $("last").hidden = !text;
}

async function showLast(image, saved) {
  showSaved(saved);
  const { item: judged } = await request("/api/item", { name, panel: panel ? "1" : "", image_id: image });
  showSaved([saved, guessOf(judged?.hint)].filter(Boolean).join(" "));
}

const inWords = (row) => [row.prediction, row.label_wrong ? "the label is wrong" : null, row.problematic ? "cannot be judged" : null,
  row.category, row.context, row.severity,
  row.also_right.length ? `also right: ${row.also_right.map((label) => names.get(label) ?? label).join(", ")}` : null];

function showOthers() {
  const verdicts = Object.entries(item.verdicts);
  $("others").hidden = !verdicts.length;
  $("said").replaceChildren(...verdicts.map(([reviewer, row]) => element("tr", {}, element("th", {}, reviewer), element("td", {},
    [...inWords(row), row.comment].filter(Boolean).join(" · ")))));
}

function showVerdict() {
  for (const field of Object.keys(FIELDS)) press($(field), verdict[field]);
  $("if-wrong").hidden = verdict.prediction !== "wrong";
  $("if-spurious").hidden = verdict.category !== "Spurious Correlation";
  $("label-rule").hidden = verdict.label_wrong !== "yes";
  for (const box of document.querySelectorAll(".also")) {
    box.replaceChildren(...(verdict.also_right.length ? [element("p", { className: "row" }, "also right: ",
      ...verdict.also_right.map((label) => element("button", { type: "button", onclick: () => toggleRight(label),
        title: "remove" }, `${names.get(label) ?? label} ✕`)))] : []));
  }
}

function pick(field, value) {
  if (!item) return;
  showMessage("");
  if (["category", "severity", "context"].includes(field) && verdict.prediction !== "wrong") verdict.prediction = "wrong";
  if (field === "context") verdict.category = "Spurious Correlation";
  verdict[field] = verdict[field] === value ? null : value;
  if (verdict.prediction !== "wrong") { verdict.category = null; verdict.severity = null; }
  if (verdict.category !== "Spurious Correlation") verdict.context = null;
  showVerdict();
}

const names = new Map();
function toggleRight(label) {
  const isRight = verdict.also_right.includes(label);
  verdict.also_right = isRight ? verdict.also_right.filter((other) => other !== label) : [...verdict.also_right, label];
  showVerdict();
}

async function store() {
  if (!item || storing) return;
  if (!verdict.prediction && !verdict.problematic) { showMessage("First choose correct, wrong or unclear for the prediction, or say that the image cannot be judged."); return; }
  if (verdict.prediction === "wrong" && !verdict.problematic && needsCategory && !(verdict.category && verdict.severity)) {
    showMessage("A wrong prediction needs a category (1 to 5) and a severity (m, i or b)."); return;
  }
  storing = true;
  try {
    const content = { ...verdict, problematic: verdict.problematic === "yes", label_wrong: verdict.label_wrong === "yes", comment: $("comment").value };
    const judged = item.image_id, saved = `Saved ${judged}: ${inWords(content).filter(Boolean).join(", ")}.`;
    await send("/api/judge", view(), { key: newKey(), image_id: judged, verdict: content });
    showLast(judged, saved).catch(() => {});
    await show({ start: (start + 1) % item.total });
  } finally { storing = false; }
}

async function undo() {
  const { image_id: image } = await request("/api/undo", view(), {});
  $("last").hidden = true;
  if (image === null) { showMessage("There is nothing to undo."); return; }
  await show({ image_id: image });
  showMessage("The last verdict is undone. This is its image.");
}

const step = (direction) => {
  $("last").hidden = true;
  return item && show({ start: (start + direction + item.total) % item.total, back: direction < 0 ? "1" : "" });
};

async function find(parameters) {
  const search = ++lastSearch;
  const found = await request("/api/classes", parameters);
  if (search !== lastSearch) return;  // a later search has begun
  matches = found;
  matches.forEach((about) => names.set(about.class, about.name));
  $("found").replaceChildren(...matches.map((about) => element("li", {}, classCard(about, [], ""),
    element("button", { type: "button", onclick: () => { toggleRight(about.class); } }, "Right too"))));
}

function clearSearch() {
  lastSearch++;  // the answer to an open search is about another image
  matches = [];
  $("found").replaceChildren(); $("search").value = "";
}

// Enter in the search adds the first class of the list, and ends the search: the next Enter saves.
async function addFirst() {
  const text = $("search").value.trim();
  if (!text) return;
  await find({ q: text });
  if (!matches.length) { showMessage(`No class has the name ${text}.`); return; }
  const label = matches[0].class;
  if (!verdict.also_right.includes(label)) toggleRight(label);
  clearSearch();
  $("search").blur();
}

function onKey(event) {
  if (event.key === "Escape" && isTyping(event)) { event.target.blur?.(); return; }
  if (event.target === $("search") && event.key === "Enter") { event.preventDefault(); addFirst(); return; }
  if (isTyping(event) || $("review").hidden && event.key !== "u" && event.key !== "f") return;
  if (event.key === "Enter" && event.target.closest("#found, header, .filters, a")) return;  // the focused element handles it
  const actions = { Enter: store, u: undo, ArrowLeft: () => step(-1), ArrowRight: () => step(1), t: () => $("comment").focus(),
    z: () => $("figure").classList.toggle("zoomed"), "/": () => $("search").focus(), f: () => { $("filters").open = true; $("state").focus(); },
    n: () => find({ near: item.predicted.class }), "?": () => $("help").showModal() };
  for (const [field, options] of Object.entries(FIELDS)) {
    for (const [value, , key] of options) actions[key] = () => pick(field, value);
  }
  if (!(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
}

const NO_VERDICT = { prediction: null, problematic: null, label_wrong: null, category: null, context: null, severity: null, also_right: [], comment: "" };
for (const [field, options] of Object.entries(FIELDS)) {
  choices($(field), options.map(([value, text, key]) => ({ value, text, key })), (value) => pick(field, value));
}
$("by-category").append(...CATEGORIES.map((value, index) => element("option", { value }, SHORT[index])));
$("key-table").append(...[...Object.values(FIELDS).flat().map(([, text, key]) => [key, text]), ...OTHER_KEYS]
  .map(([key, text]) => element("tr", {}, element("td", {}, element("kbd", {}, key)), element("td", {}, text))));
for (const id of ["state", "by-category", "by-class", "by-reviewer"]) $(id).addEventListener("change", () => show({ start: 0 }));
$("search").addEventListener("input", () => find({ q: $("search").value }));
for (const [id, action] of [["store", store], ["undo", undo], ["back", () => step(-1)], ["skip", () => step(1)],
  ["near", () => find({ near: item.predicted.class })], ["keys", () => $("help").showModal()]]) $(id).addEventListener("click", action);
$("picture").addEventListener("click", () => $("figure").classList.toggle("zoomed"));
document.addEventListener("keydown", onKey);
function describe({ model, label_set: labelSet, total, needed, seconds, needs_category: isNeeded }) {
  needsCategory = isNeeded;
  $("optional").hidden = needsCategory;
  if (!needsCategory) $("category-rule").textContent = "you may choose the kind of mistake and how severe it is";
  return [`${model} has ${plural(total, "mistake")} under the ${labelSet} labels.`,
    `They take ${duration(seconds, total)}, at ${seconds} seconds a mistake.`,
    needed > 1 ? `A verdict is final once ${needed} reviewers agree.` : "One verdict is enough. If two reviewers disagree, the panel decides."].join(" ");
}
enter((person) => { name = person; panel = $("as-panel").checked; $("filters").hidden = false; $("filters").open = innerWidth > 760; if (innerWidth <= 760) $("comment").placeholder = "comment"; show({ start: 0 }); }, describe);
