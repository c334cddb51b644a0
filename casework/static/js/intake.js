// The one-page intake beside the form: asks who receives and what may be a repeat when commune, name or age change
// (form[data-look="url"], answered as the inside of #panel), and shows how long the call has lasted ([data-since]).
import { now } from "./clock.js";

const WAIT = 300;
const ASKED = ["incident_commune", "incident_commune-text", "child_name", "child_age"];
const form = document.querySelector("form[data-look]");
const panel = document.getElementById("panel");
let timer = 0;
let asked = 0;

async function look() {
  const mine = (asked += 1);
  const answer = await fetch(form.dataset.look, { method: "POST", body: new FormData(form), redirect: "error", credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok || mine !== asked || panel.contains(document.activeElement)) return;
  const words = await answer.text();
  if (mine === asked) panel.innerHTML = words;
}

function changed(event) {
  if (!ASKED.includes(event.target.name) || event.isComposing) return;
  clearTimeout(timer);
  timer = setTimeout(look, WAIT);
}

if (form && panel) {
  panel.setAttribute("aria-live", "polite");
  for (const name of ["input", "change"]) form.addEventListener(name, changed);
}

const since = document.querySelector("[data-since]");
if (since) {
  const began = Date.parse(since.dataset.since);
  const show = () => {
    const seconds = Math.max(0, Math.floor((now() - began) / 1000));
    const time = `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
    since.textContent = ` · ${since.dataset.words.replace("{time}", time)}`;
  };
  show();
  setInterval(show, 1000);
}
