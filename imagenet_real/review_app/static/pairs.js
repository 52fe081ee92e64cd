import { $, ask, enter, newKey, picture, say, typing } from "./page.js";

let name = "", pair = null, total = 1, storing = false;

async function show(start) {
  const found = await ask("/api/pair", { name, start });
  total = found.total;
  $("bar").max = total; $("bar").value = found.done;
  $("progress").textContent = `${found.done} of ${total} done`;
  pair = found.pair;
  $("compare").hidden = pair === null;
  $("done").hidden = pair !== null;
  if (pair === null) return;
  $("one").src = picture("of", found.image_id);
  $("other").src = picture("other", found.other);
  $("one-id").textContent = found.image_id;
  $("other-id").textContent = found.other;
  $("about").textContent = ["A candidate by",
    [found.similarity === null ? null : `a correlation of ${found.similarity.toFixed(3)} between thumbnails`,
      found.bits === null ? null : `${found.bits} of 64 bits of their hashes that differ`,
      found.embedding === null ? null : `a cosine of ${found.embedding.toFixed(3)} between a model's scores`]
      .filter(Boolean).join(", ") + "."].join(" ");
  for (const id of ["mirror", "zoom"]) turn(id, false);
}

const shown = { mirror: [$("other").parentElement], zoom: [$("one").parentElement, $("other").parentElement] };

function turn(id, on = $(id).getAttribute("aria-pressed") !== "true") {
  $(id).setAttribute("aria-pressed", String(on));
  for (const frame of shown[id]) frame.classList.toggle(id === "zoom" ? "zoomed" : "mirrored", on);
}

async function judge(same) {
  if (pair === null || storing) return;
  storing = true;
  try {
    await ask("/api/same", { name }, { key: newKey(), pair, same });
    await show((pair + 1) % total);
  } finally { storing = false; }
}

async function undo() {
  const taken = (await ask("/api/undo", { name }, {})).pair;
  if (taken === null) say("There is nothing to undo.");
  else await show(taken);
}

const bound = { y: () => judge(true), n: () => judge(false), m: () => turn("mirror"), z: () => turn("zoom"), u: undo, ArrowRight: () => pair !== null && show((pair + 1) % total) };
document.addEventListener("keydown", (event) => {
  if (typing(event) || !(event.key in bound) || !name) return;
  event.preventDefault();
  bound[event.key]();
});
for (const [id, key] of [["same", "y"], ["different", "n"], ["mirror", "m"], ["zoom", "z"], ["one", "z"], ["other", "z"], ["undo", "u"], ["skip", "ArrowRight"]]) $(id).addEventListener("click", bound[key]);
enter((who) => { name = who; show(0).catch(() => { $("enter").hidden = false; }); });
