// Screen lock: F9, or the form[data-lock] itself, empties the page at once, lets every form save its draft (casework:lock; each
// listener pushes its promise into event.detail), waits for that at most 3 s, and sends the form: from then on the office asks
// who is there. A page that comes back from the browser's memory is fetched anew, so that a locked one does not reappear.
const form = document.querySelector("form[data-lock]");
const PATIENCE = 3000;
let locking = false;

async function lock() {
  if (locking) return;
  locking = true;
  document.title = "…";
  document.documentElement.hidden = true;
  const saving = [];
  dispatchEvent(new CustomEvent("casework:lock", { detail: saving }));
  await Promise.race([Promise.allSettled(saving), new Promise((done) => { setTimeout(done, PATIENCE); })]);
  takeAlong();
  form.submit();
}

// What stands in a form without a draft of its own goes along, for pages that keep it (a report's step).
function takeAlong() {
  for (const other of document.querySelectorAll("main form[method=post]:not([data-autosave])")) {
    for (const [name, value] of new FormData(other)) {
      const field = other.elements.namedItem(name);
      if (typeof value !== "string" || /^(_|csrf_|next)/.test(name) || field?.type === "password" || field?.type === "hidden") continue;
      const copy = Object.assign(document.createElement("input"), { type: "hidden", name, value });
      form.append(copy);
    }
  }
}

if (form) {
  form.addEventListener("submit", (event) => { event.preventDefault(); lock(); });
  addEventListener("keydown", (event) => {
    if (event.key !== "F9" || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    lock();
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
