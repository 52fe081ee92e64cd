import { $, duration, enter, isTyping, newKey, picture, plural, request, send, showMessage } from "./page.js";

let name = "", pair = null, total = 1, storing = false;

async function show(start) {
  const next = await request("/api/pair", { name, start });
  total = next.total;
  $("bar").hidden = false;
  $("bar").max = total; $("bar").value = next.done;
  $("progress").textContent = `${next.done} of ${total} done`;
  pair = next.pair;
  $("compare").hidden = pair === null;
  $("done").hidden = pair !== null;
  if (pair === null) return;
  $("one").src = picture("main", next.image_id);
  $("other").src = picture("other", next.other);
  $("one-id").textContent = next.image_id;
  $("other-id").textContent = next.other;
  $("found-by").textContent = ["A candidate by",
    [next.similarity === null ? null : `a correlation of ${next.similarity.toFixed(3)} between thumbnails`,
      next.bits === null ? null : `${next.bits} of 64 bits of their hashes that differ`,
      next.embedding === null ? null : `a cosine of ${next.embedding.toFixed(3)} between a model's scores`]
      .filter(Boolean).join(", ") + "."].join(" ");
  for (const id of ["mirror", "zoom"]) turn(id, false);
}

const FRAMES = { mirror: [$("other").parentElement], zoom: [$("one").parentElement, $("other").parentElement] };

function turn(id, on = $(id).getAttribute("aria-pressed") !== "true") {
  $(id).setAttribute("aria-pressed", String(on));
  for (const frame of FRAMES[id]) frame.classList.toggle(id === "zoom" ? "zoomed" : "mirrored", on);
}

async function judge(same) {
  if (pair === null || storing) return;
  storing = true;
  try {
    await send("/api/same", { name }, { key: newKey(), pair, same });
    await show((pair + 1) % total);
  } finally { storing = false; }
}

async function undo() {
  const last = (await request("/api/undo", { name }, {})).pair;
  if (last === null) showMessage("There is nothing to undo.");
  else await show(last);
}

const ACTIONS = { y: () => judge(true), n: () => judge(false), m: () => turn("mirror"), z: () => turn("zoom"), u: undo, ArrowRight: () => pair !== null && show((pair + 1) % total) };
document.addEventListener("keydown", (event) => {
  if (isTyping(event) || !(event.key in ACTIONS) || !name) return;
  event.preventDefault();
  ACTIONS[event.key]();
});
for (const [id, key] of [["same", "y"], ["different", "n"], ["mirror", "m"], ["zoom", "z"], ["one", "z"], ["other", "z"], ["undo", "u"], ["skip", "ArrowRight"]]) $(id).addEventListener("click", ACTIONS[key]);
enter((person) => { name = person; show(0).catch(() => { $("enter").hidden = false; }); },
  ({ total, seconds }) => `There are ${plural(total, "pair")}. They take ${duration(seconds, total)}, at ${seconds} seconds a pair.`);
