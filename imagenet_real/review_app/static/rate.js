import { $, choices, duration, element, enter, isTyping, picture, plural, press, request, send, showMessage, toTop } from "./page.js";

const ANSWERS = [["yes", "y"], ["maybe", "m"], ["no", "n"]].map(([value, key]) => ({ value, text: value, key }));
let name = "", task = null, answers = {}, current = 0, startTime = 0, storing = false;

async function show(parameters) {
  const next = await request("/api/task", { name, ...parameters });
  $("bar").hidden = next.total === null;
  if (next.total !== null) { $("bar").max = Math.max(1, next.total); $("bar").value = next.done; }
  $("progress").textContent = next.total === null ? `${next.done} done` : `${next.done} of ${next.total} done`;
  if (parameters.back && next.task === null) { showMessage("There is no earlier answer."); return; }
  task = next.task === null ? null : next;
  $("rate").hidden = task === null;
  $("done").hidden = task !== null;
  if (!task) return;
  toTop();
  answers = { ...next.answers };
  current = 0;
  startTime = performance.now();
  $("figure").classList.remove("zoomed");
  $("picture").src = picture("main", task.image_id);
  $("questions").replaceChildren(...task.labels.map(({ name: className }, row) => {
    const box = element("div", { className: "choices", role: "group", "aria-label": className });
    choices(box, ANSWERS, (value) => answer(row, value));
    const line = element("div", { className: "question" }, element("span", {}, element("kbd", {}, String(row + 1)), ` ${className}`), box);
    line.addEventListener("click", () => { current = row; mark(); });
    return line;
  }));
  mark();
}

function mark() {
  [...$("questions").children].forEach((line, row) => {
    line.classList.toggle("now", row === current);
    press(line.lastChild, answers[task.labels[row].class]);
  });
  $("store").disabled = task.labels.some(({ class: label }) => !(label in answers));
}

function answer(row, value) {
  showMessage("");
  answers[task.labels[row].class] = value;
  current = Math.min(row + 1, task.labels.length - 1);
  mark();
}

async function store() {
  if (!task || storing) return;
  if ($("store").disabled) { showMessage("Each question needs an answer: yes, maybe or no."); return; }
  storing = true;
  try {
    await send("/api/answer", { name }, { task: task.task, answers, seconds: (performance.now() - startTime) / 1000 });
    await show({});
  } finally { storing = false; }
}

const skip = () => task && show({ skip: String(task.task) });

document.addEventListener("keydown", (event) => {
  if (isTyping(event) || (!task && event.key !== "u")) return;
  const actions = { Enter: store, u: () => show({ back: "1" }), ArrowRight: skip, z: () => $("figure").classList.toggle("zoomed"),
    ArrowUp: () => { current = Math.max(0, current - 1); mark(); }, "?": () => $("help").showModal(),
    ArrowDown: () => { current = Math.min(task.labels.length - 1, current + 1); mark(); } };
  for (const { value, key } of ANSWERS) actions[key] = () => answer(current, value);
  task?.labels.forEach((_, row) => { actions[String(row + 1)] = () => { current = row; mark(); }; });
  if (!(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
});
for (const id of ["back", "last"]) $(id).addEventListener("click", () => show({ back: "1" }));
$("store").addEventListener("click", store);
$("skip").addEventListener("click", skip);
$("keys").addEventListener("click", () => $("help").showModal());
$("picture").addEventListener("click", () => $("figure").classList.toggle("zoomed"));
function describe({ total, questions, per_task: perTask, per_rater: perRater, names, seconds }) {
  const mine = perRater || total;
  return [`There are ${plural(total, "task")}, each about one picture, with ${plural(questions, "question")}.`,
    names.length ? `You have ${plural(mine, "task")}.` : `Each task goes to ${plural(perTask, "person")}.`.replace("persons", "people"),
    `${names.length ? "They take" : "All of them take"} ${duration(seconds, mine)}, at ${Math.round(seconds)} seconds a task.`,
    names.length ? `Enter the name that you got with your tasks, such as ${names[0]}.` : ""].join(" ");
}
enter((person) => { name = person; show({}).catch(() => { $("enter").hidden = false; }); }, describe);
