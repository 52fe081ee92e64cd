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
  $("about").textContent = [`${found.image_id} and ${found.other}`,
    found.similarity === null ? null : `similarity ${found.similarity.toFixed(3)}`,
    found.bits === null ? null : `${found.bits} of 64 bits of their hashes differ`].filter(Boolean).join(", ");
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

const bound = { y: () => judge(true), n: () => judge(false), u: undo, ArrowRight: () => pair !== null && show((pair + 1) % total) };
document.addEventListener("keydown", (event) => {
  if (typing(event) || !(event.key in bound) || !name) return;
  event.preventDefault();
  bound[event.key]();
});
for (const [id, key] of [["same", "y"], ["different", "n"], ["undo", "u"], ["skip", "ArrowRight"]]) $(id).addEventListener("click", bound[key]);
enter((who) => { name = who; show(0).catch(() => { $("enter").hidden = false; }); });
