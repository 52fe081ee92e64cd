import { $, ask, choices, element, enter, picture, press, say, typing } from "./page.js";

const ANSWERS = [["yes", "y"], ["maybe", "m"], ["no", "n"]].map(([value, key]) => ({ value, text: value, key }));
let name = "", task = null, answers = {}, now = 0, began = 0, storing = false;

async function show(parameters) {
  const found = await ask("/api/task", { name, ...parameters });
  $("bar").hidden = found.total === null;
  if (found.total !== null) { $("bar").max = Math.max(1, found.total); $("bar").value = found.done; }
  $("progress").textContent = found.total === null ? `${found.done} done` : `${found.done} of ${found.total} done`;
  if (parameters.back && found.task === null) { say("There is no answer to go back to."); return; }
  task = found.task === null ? null : found;
  $("rate").hidden = task === null;
  $("done").hidden = task !== null;
  if (!task) return;
  answers = { ...found.answers };
  now = 0;
  began = performance.now();
  $("figure").classList.remove("zoomed");
  $("picture").src = picture("of", task.image_id);
  $("questions").replaceChildren(...task.labels.map(({ name: called }, row) => {
    const box = element("div", { className: "choices", role: "group", "aria-label": called });
    choices(box, ANSWERS, (value) => answer(row, value));
    const line = element("div", { className: "question" }, element("span", {}, element("kbd", {}, String(row + 1)), ` ${called}`), box);
    line.addEventListener("click", () => { now = row; mark(); });
    return line;
  }));
  mark();
}

function mark() {
  [...$("questions").children].forEach((line, row) => {
    line.classList.toggle("now", row === now);
    press(line.lastChild, answers[task.labels[row].class]);
  });
  $("store").disabled = task.labels.some(({ class: label }) => !(label in answers));
}

function answer(row, value) {
  answers[task.labels[row].class] = value;
  now = Math.min(row + 1, task.labels.length - 1);
  mark();
}

async function store() {
  if (!task || storing) return;
  if ($("store").disabled) { say("Each question needs an answer: yes, maybe or no."); return; }
  storing = true;
  try {
    await ask("/api/answer", { name }, { task: task.task, answers, seconds: (performance.now() - began) / 1000 });
    await show({});
  } finally { storing = false; }
}

document.addEventListener("keydown", (event) => {
  if (typing(event) || (!task && event.key !== "u")) return;
  const bound = { Enter: store, u: () => show({ back: "1" }), z: () => $("figure").classList.toggle("zoomed"),
    ArrowUp: () => { now = Math.max(0, now - 1); mark(); }, "?": () => $("help").showModal(),
    ArrowDown: () => { now = Math.min(task.labels.length - 1, now + 1); mark(); } };
  for (const { value, key } of ANSWERS) bound[key] = () => answer(now, value);
  task?.labels.forEach((_, row) => { bound[String(row + 1)] = () => { now = row; mark(); }; });
  if (!(event.key in bound)) return;
  event.preventDefault();
  bound[event.key]();
});
for (const id of ["back", "last"]) $(id).addEventListener("click", () => show({ back: "1" }));
$("store").addEventListener("click", store);
$("keys").addEventListener("click", () => $("help").showModal());
$("picture").addEventListener("click", () => $("figure").classList.toggle("zoomed"));
enter((who) => { name = who; show({}).catch(() => { $("enter").hidden = false; }); });
