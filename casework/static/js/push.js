// Lets this browser ring: asks it for a subscription (form[data-push-key]) and hands that to the office by the form's own post.
// Without it the button is not shown; everything else on the page works.
const form = document.querySelector("form[data-push-key]");
const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

function bytes(text) {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (sign) => sign.charCodeAt(0));
}

async function subscribe() {
  const worker = await navigator.serviceWorker.register(form.dataset.pushWorker);
  const made = await worker.pushManager.getSubscription();
  return made || worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(form.dataset.pushKey) });
}

if (form && able) {
  const words = form.querySelector("[data-push-words]");
  const button = form.querySelector("button");
  button.hidden = false;
  words.textContent = "";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      if ((await Notification.requestPermission()) !== "granted") throw new Error("refused");
      const said = (await subscribe()).toJSON();
      form.elements.endpoint.value = said.endpoint;
      form.elements.p256dh.value = said.keys.p256dh;
      form.elements.auth.value = said.keys.auth;
      form.submit();
    } catch {
      words.textContent = words.dataset.refused;
      button.disabled = false;
    }
  });
}
