// Sends the token that a person types, or that a link brings behind its #, and opens the page.
const $ = (id) => document.getElementById(id);

async function enter(token) {
  const response = await fetch("/login", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }),
  });
  if (response.ok) { location.replace(location.pathname + location.search); return; }
  $("message").textContent = (await response.json()).error;
  $("message").hidden = false;
}

const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname + location.search);  // the token leaves the address
if (token) enter(token);
$("form").addEventListener("submit", (event) => { event.preventDefault(); enter($("token").value); });
$("token").focus();
