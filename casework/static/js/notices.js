// Notices: keeps the header's count and the banner true without reloading ([data-notices="url"]; JSON {unseen, banner}, 304 while
// nothing has changed), and offers to copy a safe message ([data-copy]). Asks only while the page is seen. Without it a reload tells the same.
const EVERY = 20000;
const link = document.querySelector("[data-notices]");
const banner = document.getElementById("undelivered");
let tag = "";

function show(news) {
  const dot = link.querySelector(".dot");
  dot.hidden = news.unseen === 0;
  dot.firstChild.data = String(news.unseen);
  const text = banner.querySelector("[data-text]");
  banner.hidden = !news.banner;
  if (text.textContent !== (news.banner || "")) text.textContent = news.banner || "";
}

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(link.dataset.notices, { headers: tag ? { "If-None-Match": tag } : {}, redirect: "error", cache: "no-store" });
    if (answer.status !== 200) return;
    tag = answer.headers.get("ETag") || "";
    show(await answer.json());
  } catch {
    // No line: the office's own pages say so; asked again in a while.
  }
}

if (link && banner) {
  setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", ask);
}

for (const words of document.querySelectorAll("[data-copy]")) {
  const button = document.querySelector("template[data-copy-button]")?.content.firstElementChild?.cloneNode(true);
  if (!button || !navigator.clipboard) break;
  words.after(button);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(words.textContent);
    button.textContent = button.dataset.done;
  });
}
