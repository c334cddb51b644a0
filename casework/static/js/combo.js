// Combobox over <input data-combo="/address?q=">; the address answers [{code, title, detail}]. The typed words keep the visible
// box, the code goes into a hidden input with the box's name. Waits 300 ms, and for the input method: nothing is searched, chosen
// or sent while a syllable is being composed. Without it the box is a plain text input.
const WAIT = 300;
let serial = 0;

function combo(input) {
  const id = `combo-${(serial += 1)}`;
  if (!input.closest(".combo")) { // the list opens under the box, not across the page
    const frame = document.createElement("div");
    frame.className = "combo";
    input.before(frame);
    frame.append(input);
  }
  const hidden = document.createElement("input");
  hidden.type = "hidden";
  hidden.name = input.name;
  hidden.value = input.dataset.code || input.value;
  input.name = `${input.name}-text`;
  input.removeAttribute("list");
  const list = document.createElement("ul");
  list.id = id;
  list.className = "combo__list";
  list.setAttribute("role", "listbox");
  list.hidden = true;
  const heard = document.createElement("span");
  heard.className = "govuk-visually-hidden";
  heard.setAttribute("role", "status");
  input.after(hidden, list, heard);
  const label = input.labels?.[0];
  if (label) list.setAttribute("aria-label", label.textContent.trim());
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", id]]) input.setAttribute(name, value);

  let found = [];
  let active = -1;
  let timer = 0;
  let asked = 0;

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function mark(index) {
    active = (index + found.length) % found.length;
    [...list.children].forEach((one, at) => one.setAttribute("aria-selected", String(at === active)));
    list.children[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", `${id}-${active}`);
  }
  function choose(index) {
    const one = found[index];
    input.value = one.title;
    hidden.value = one.code;
    close();
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.dispatchEvent(new CustomEvent("combo:chosen", { bubbles: true, detail: one }));
  }
  function draw() {
    list.replaceChildren(...found.map((one, index) => {
      const item = document.createElement("li");
      item.id = `${id}-${index}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.append(one.title);
      if (one.detail) {
        const detail = document.createElement("span");
        detail.className = "muted";
        detail.textContent = one.detail;
        item.append(detail);
      }
      item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(index); });
      return item;
    }));
    heard.textContent = found.length ? (input.dataset.count || "{n}").replace("{n}", found.length) : input.dataset.none || "";
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(Boolean(found.length)));
    if (found.length) mark(0);
    else close();
  }
  async function search() {
    const words = input.value.trim().normalize("NFC");
    if (!words) return close();
    const mine = (asked += 1);
    const answer = await fetch(input.dataset.combo + encodeURIComponent(words), { headers: { Accept: "application/json" }, credentials: "same-origin" }).catch(() => null);
    if (mine !== asked || !answer?.ok || document.activeElement !== input) return undefined;
    found = await answer.json();
    return draw();
  }
  function typed(event) {
    if (event.isComposing) return;
    hidden.value = input.value;
    clearTimeout(timer);
    timer = setTimeout(search, WAIT);
  }
  input.addEventListener("input", typed);
  input.addEventListener("compositionend", typed);
  input.addEventListener("blur", () => { asked += 1; close(); });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown" && list.hidden) { search(); event.preventDefault(); return; }
    if (list.hidden) return;
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active - 1);
    else if (event.key === "Enter" && !event.ctrlKey) choose(active);
    else if (event.key === "Escape") { close(); event.stopPropagation(); }
    else { if (event.key === "Tab") choose(active); return; }
    event.preventDefault();
  });
}

for (const input of document.querySelectorAll("[data-combo]")) combo(input);
