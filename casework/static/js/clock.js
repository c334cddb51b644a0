// Clocks of a page: rewrites the words of every [data-due] chip once a minute and changes its state at data-warn and at the due
// time. Time is the server's: <meta name="office-now" content="ISO" data-speed="1"> (a drill may run faster). Says a change aloud
// only twice: when a quarter is left and at the breach. Counts in working days are left to the server until 24 hours before the end.
const parts = document.getElementById("clock-parts");
const live = document.getElementById("clock-live");
const meta = document.querySelector('meta[name="office-now"]');
const start = meta ? Date.parse(meta.content) : Date.now();
const speed = Number(meta?.dataset.speed) || 1;
const opened = performance.now();

export function now() {
  return start + (performance.now() - opened) * speed;
}

function span(minutes) {
  const words = parts.dataset;
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor(minutes / 60);
  const rest = String(minutes % 60).padStart(2, "0");
  if (days >= 2) {
    const h = Math.floor((minutes % 1440) / 60);
    return (h ? words.days : words.day).replace("{d}", days).replace("{h}", h);
  }
  if (!hours) return words.minutes.replace("{m}", minutes);
  return (minutes % 60 ? words.hours : words.hour).replace("{h}", hours).replace("{m}", rest);
}

function say(chip, kind, words) {
  if (!live || !chip.dataset.title) return;
  live.textContent = parts.dataset[kind].replace("{title}", chip.dataset.title).replace("{words}", words);
}

function show(chip, state, words) {
  const before = chip.dataset.state;
  chip.querySelector("time").textContent = words;
  if (state === before) return;
  chip.classList.replace(`chip--${before}`, `chip--${state}`);
  chip.dataset.state = state;
  const icon = parts.content.querySelector(`[data-icon="${state}"] svg`);
  if (icon) chip.querySelector("svg").replaceWith(icon.cloneNode(true));
  if (state === "soon") say(chip, "saySoon", words);
  if (state === "late") say(chip, "sayLate", words);
}

function tick() {
  const at = now();
  for (const chip of document.querySelectorAll("[data-due]")) {
    const left = (Date.parse(chip.dataset.due) - at) / 60000;
    if (Number.isNaN(left)) continue;
    if (left > 1440 && chip.dataset.unit === "working_days") continue;
    if (left < 0) show(chip, "late", parts.dataset.late.replace("{time}", span(Math.floor(-left))));
    else {
      const warned = chip.dataset.state === "soon" || (chip.dataset.warn && at >= Date.parse(chip.dataset.warn));
      show(chip, warned ? "soon" : "fine", parts.dataset.left.replace("{time}", span(Math.floor(left))));
    }
  }
}

if (parts && document.querySelector("[data-due]")) {
  setInterval(tick, Math.max(1000, 60000 / speed));
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}
