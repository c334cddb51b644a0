// Forms: saves a draft 2 s after the last key (form[data-autosave="url"]; answer JSON {saved_at} or empty), warns before leaving
// unsaved words, asks only the questions whose condition holds (data-only-if, data-only-values), adds, removes and raises rows
// (data-rows, data-add-row), counts levels (data-level-counts), sends on Ctrl+Enter, puts the focus on the error summary. Without it every form still works.
import { now } from "./clock.js";

const IDLE = 2000;
const RETRY = 15000;

function officeTime() {
  return new Intl.DateTimeFormat("vi-VN", { timeZone: "Asia/Ho_Chi_Minh", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(now());
}

function autosave(form) {
  const line = form.querySelector("[data-saved]") || document.querySelector("[data-saved]");
  const words = line?.dataset || {};
  let timer = 0;
  let changes = 0;
  let saved = 0;
  let busy = false;
  let sending = false;

  function tell(text, bad = false) {
    if (!line) return;
    line.textContent = text || "";
    line.classList.toggle("is-bad", bad);
  }
  function plan(wait) {
    clearTimeout(timer);
    timer = setTimeout(save, wait);
  }
  async function save() {
    if (busy || sending || changes === saved) return;
    busy = true;
    const at = changes;
    try {
      const answer = await fetch(form.dataset.autosave, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json", "X-Autosave": "1" },
        redirect: "error",
        credentials: "same-origin",
      });
      if (!answer.ok) throw Object.assign(new Error(answer.statusText), { status: answer.status });
      const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
      saved = at;
      tell(words.savedWords?.replace("{time}", body.saved_at || officeTime()));
    } catch (error) {
      tell([401, 403, 423].includes(error.status) ? words.lockedWords : words.failedWords, true);
      plan(RETRY);
    } finally {
      busy = false;
    }
    if (changes !== saved) plan(saved === at ? IDLE : RETRY);
  }
  function changed(event) {
    if (event.target.closest("[data-quickkeys-switch]")) return;
    changes += 1;
    if (!event.isComposing) plan(IDLE);
  }
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("compositionend", () => plan(IDLE));
  form.addEventListener("submit", () => { sending = true; clearTimeout(timer); });
  addEventListener("pageshow", () => { sending = false; });
  addEventListener("online", () => plan(0));
  addEventListener("casework:lock", (event) => { event.detail.push(save().finally(() => { sending = true; clearTimeout(timer); })); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(); });
  addEventListener("beforeunload", (event) => {
    if (!sending && changes !== saved) event.preventDefault();
  });
}

function conditions(form) {
  const asked = [...form.querySelectorAll("[data-only-if]")];
  if (!asked.length) return;
  const values = (name) => [...form.elements].filter((one) => one.name === name && (!/radio|checkbox/.test(one.type) || one.checked)).map((one) => one.value);
  function apply() {
    for (const part of asked) {
      const source = form.querySelector(`#q-${CSS.escape(part.dataset.onlyIf)}`);
      const wanted = part.dataset.onlyValues.split("|");
      part.hidden = Boolean(source?.hidden) || !values(part.dataset.onlyIf).some((value) => wanted.includes(value));
    }
  }
  form.addEventListener("change", apply);
  apply();
}

function rows(box) {
  const name = box.dataset.rows;
  const add = document.querySelector(`[data-add-row="${name}"]`);
  const all = () => [...box.querySelectorAll(":scope > [data-row]")];
  const controls = (row) => [...row.querySelectorAll("input, textarea, select")];
  const changed = () => box.dispatchEvent(new Event("change", { bubbles: true }));
  function clear(row) {
    for (const one of controls(row)) {
      if (/radio|checkbox/.test(one.type)) one.checked = false;
      else one.value = "";
    }
  }
  function swap(row, other) {
    const theirs = controls(other);
    controls(row).forEach((one, place) => {
      for (const part of ["value", "checked"]) {
        if (/radio|checkbox/.test(one.type) === (part === "checked")) [one[part], theirs[place][part]] = [theirs[place][part], one[part]];
      }
    });
  }
  function copyLast() {
    const list = all();
    const from = list.length - 1;
    const row = list[from].cloneNode(true);
    const move = (text) => text.replaceAll(`${name}-${from}-`, `${name}-${from + 1}-`);
    for (const one of [row, ...row.querySelectorAll("*")]) {
      for (const attribute of ["id", "name", "for", "aria-describedby", "list"]) {
        if (one.hasAttribute(attribute)) one.setAttribute(attribute, move(one.getAttribute(attribute)));
      }
    }
    const title = box.dataset.rowTitle.replace("{n}", from + 2);
    row.querySelector("legend").textContent = title;
    for (const button of row.querySelectorAll(".rows__acts button")) {
      button.value = `${name}-${from + 1}`;
      button.lastElementChild.textContent = ` ${title}`;
    }
    clear(row);
    box.append(row);
    return row;
  }
  const filled = Number(box.dataset.filled);
  all().forEach((row, index) => { row.hidden = index >= Math.max(1, filled); });
  add.addEventListener("click", (event) => {
    event.preventDefault();
    const row = all().find((one) => one.hidden) || copyLast();
    row.hidden = false;
    controls(row)[0]?.focus();
  });
  box.addEventListener("click", (event) => {
    const button = event.target.closest(".rows__acts button");
    if (!button) return;
    event.preventDefault();
    const row = button.closest("[data-row]");
    if (button.classList.contains("remove")) {
      clear(row);
      row.hidden = true;
      add.focus();
    } else {
      const above = all().slice(0, all().indexOf(row)).reverse().find((one) => !one.hidden);
      if (above) swap(row, above);
      controls(above || row)[0]?.focus();
    }
    changed();
  });
}

function levelCounts(line) {
  const section = line.closest("section");
  const count = () => {
    for (const one of line.querySelectorAll("[data-level]")) one.textContent = section.querySelectorAll(`.levels input[value="${one.dataset.level}"]:checked`).length;
  };
  section.addEventListener("change", count);
  count();
}

for (const line of document.querySelectorAll("[data-level-counts]")) levelCounts(line);
for (const box of document.querySelectorAll("[data-rows]")) rows(box);
for (const form of document.querySelectorAll("form[data-autosave]")) autosave(form);
for (const form of document.querySelectorAll("form")) conditions(form);

document.querySelector("[data-error-summary], .govuk-error-summary")?.focus();
document.addEventListener("click", (event) => {
  const link = event.target.closest(".govuk-error-summary a[href^='#'], .draft-gaps a[href^='#']");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  (target.closest(".q, .govuk-form-group") || target).scrollIntoView();
  target.focus({ preventScroll: true });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.ctrlKey || event.isComposing || event.keyCode === 229) return;
  const form = event.target.closest?.("form");
  if (!form || form.matches("[data-quickkeys]")) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[data-submit]") || undefined);
});
