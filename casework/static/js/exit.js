// Quick exit: the [data-exit] link, or Shift pressed three times within 2 s, empties the page at once, forgets what this page kept
// in memory-backed stores, and replaces it in the history by the neutral page the link leads to.
const link = document.querySelector("[data-exit]");
const WITHIN = 2000;
let presses = [];

function leave() {
  document.title = "…";
  document.body.replaceChildren();
  sessionStorage.clear();
  dispatchEvent(new CustomEvent("casework:exit"));
  location.replace(link.href);
}

if (link) {
  link.addEventListener("click", (event) => { event.preventDefault(); leave(); });
  addEventListener("keyup", (event) => {
    if (event.key !== "Shift") { presses = []; return; }
    presses = [...presses, event.timeStamp].filter((at) => event.timeStamp - at < WITHIN);
    if (presses.length === 3) leave();
  });
}
