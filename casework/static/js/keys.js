// Quick keys of the one-page intake. Inside [data-quickkeys] a letter or digit picks the label [data-key] of the current question
// ([data-question] with the focus, else the first unanswered one) and moves on – never while a text field has the focus, never while
// composing, and not at all when [data-quickkeys-switch] is off (remembered on this machine; it holds nothing of a case).
// An open details[data-quickclose] has keys of its own, while the focus is in it: its [data-key] buttons.
// Anywhere: [data-shortcut="F4" | "F8" | "Escape" | "Ctrl+Enter" | "Alt+T"] presses that button or link.
const STORE = "quickkeys";
const area = document.querySelector("[data-quickkeys]");
const toggle = document.querySelector("[data-quickkeys-switch]");
const TEXT = "textarea, select, [contenteditable], input:not([type=radio]):not([type=checkbox]):not([type=button]):not([type=submit])";

if (toggle) {
  toggle.checked = localStorage.getItem(STORE) !== "off";
  toggle.addEventListener("change", () => localStorage.setItem(STORE, toggle.checked ? "on" : "off"));
}

const questions = () => [...area.querySelectorAll("[data-question]")].filter((one) => !one.hidden);

function answered(question) {
  const fields = [...question.querySelectorAll("input, textarea, select")];
  return fields.some((one) => (/radio|checkbox/.test(one.type) ? one.checked : one.value));
}

function current() {
  return document.activeElement?.closest?.("[data-question]") || questions().find((one) => !answered(one)) || questions()[0];
}

function mark(question) {
  for (const one of questions()) one.classList.toggle("is-current", one === question);
}

function goOn(question) {
  const list = questions();
  const next = list[list.indexOf(question) + 1];
  next?.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  mark(next || question);
}

function pick(key) {
  const question = current();
  const label = [...(question?.querySelectorAll("[data-key]") || [])].find((one) => one.dataset.key.toLocaleLowerCase("vi") === key);
  if (!label) return false;
  const field = label.querySelector("input");
  field.focus();
  field.click();
  if (field.type === "radio") goOn(question);
  return true;
}

function press(key, menu) {
  const button = [...menu.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  button?.click();
  return Boolean(button);
}

function pressed(event) {
  const key = event.key === "Escape" ? "Escape" : event.key;
  return (event.ctrlKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "") + (key.length === 1 ? key.toUpperCase() : key);
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
  const name = pressed(event);
  const act = /^(F\d+|Escape|Ctrl\+.+|Alt\+.+)$/.test(name) && [...document.querySelectorAll("[data-shortcut]")].find((one) => one.dataset.shortcut === name || (name === "Escape" && one.dataset.shortcut === "Esc"));
  if (act) {
    event.preventDefault();
    act.focus();
    act.click();
    return;
  }
  const menu = event.target.closest?.("details[data-quickclose][open]");
  if (menu && toggle?.checked !== false && press(event.key, menu)) {
    event.preventDefault();
    return;
  }
  if (!area || toggle?.checked === false || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key.length !== 1 || event.target.closest?.(TEXT)) return;
  if (document.activeElement !== document.body && !area.contains(document.activeElement)) return;
  if (pick(event.key.toLocaleLowerCase("vi"))) event.preventDefault();
});

if (area) {
  area.addEventListener("focusin", () => mark(document.activeElement.closest("[data-question]")));
  mark(current());
}
