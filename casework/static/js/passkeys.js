// Passkeys: a form [data-passkey="get"|"create"] fetches its question from [data-options], has the browser answer it, puts the answer into
// its box `…credential` and sends itself. Such a form is hidden until this script finds that the browser can do it.
const PART = "-_";

function bytes(text) {
  const plain = text.replaceAll(PART[0], "+").replaceAll(PART[1], "/");
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return plain.replaceAll("+", PART[0]).replaceAll("/", PART[1]).replaceAll("=", "");
}

function question(asked) {
  const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
  const read = { ...asked, challenge: bytes(asked.challenge) };
  if (asked.user) read.user = { ...asked.user, id: bytes(asked.user.id) };
  if (asked.excludeCredentials) read.excludeCredentials = listed(asked.excludeCredentials);
  if (asked.allowCredentials) read.allowCredentials = listed(asked.allowCredentials);
  return read;
}

function answer(credential) {
  const said = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) said[name] = text(credential.response[name]);
  }
  if (credential.response.getTransports) said.transports = credential.response.getTransports();
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said, clientExtensionResults: {} });
}

async function prove(form) {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
  const asked = await fetch(form.dataset.options, { method: "POST", body, redirect: "error", cache: "no-store" });
  if (!asked.ok) throw new Error("no question");
  const publicKey = question(await asked.json());
  const way = form.dataset.passkey === "create" ? "create" : "get";
  form.querySelector("[name$=credential]").value = answer(await navigator.credentials[way]({ publicKey }));
  form.submit();
}

for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
  const fault = form.querySelector("[data-fault]");
  const button = form.querySelector("button[type=submit]");
  form.hidden = false;
  for (const part of [form.closest("[data-passkey-part]")]) if (part) part.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.hidden = button.disabled = true;
    try {
      await prove(form);
    } catch {
      // Cancelled, timed out or no passkey there: the person may try again or take another way.
      fault.hidden = false;
    }
    button.disabled = false;
  });
}

// Recovery codes are for paper.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
