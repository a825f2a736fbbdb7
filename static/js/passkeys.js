// Asks the person's passkey: for a signature (the answer travels in the form it belongs to), or to add a new one.
(() => {
  "use strict";
  if (window.countersignPasskeys) return; // a page may draw two such forms
  window.countersignPasskeys = true;

  const toBytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const toText = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replace(/=+$/, "");

  // The server speaks JSON, the browser wants bytes.
  function readOptions(options) {
    const named = (item) => ({ ...item, id: toBytes(item.id) });
    const read = { ...options, challenge: toBytes(options.challenge) };
    if (options.user) read.user = named(options.user);
    for (const list of ["allowCredentials", "excludeCredentials"]) {
      if (options[list]) read[list] = options[list].map(named);
    }
    return read;
  }

  function writeAnswer(credential) {
    const response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[part]) response[part] = toText(credential.response[part]);
    }
    const extensions = credential.getClientExtensionResults();
    return JSON.stringify({
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      clientExtensionResults: extensions,
      response,
    });
  }

  async function fetchOptions(address, form, purpose) {
    const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
    if (purpose) body.set("purpose", purpose);
    const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`The portal answered ${answer.status}.`);
    return readOptions((await answer.json()).publicKey);
  }

  async function run(box, step) {
    const state = box.querySelector("[data-passkey-state]");
    if (!window.PublicKeyCredential) {
      state.textContent = state.dataset.absent;
      return false;
    }
    state.textContent = state.dataset.waiting;
    try {
      box.querySelector("input[type=hidden]").value = writeAnswer(await step());
      state.textContent = state.dataset.done;
      return true;
    } catch (error) {
      state.textContent = `${state.dataset.failed} (${error.name === "Error" ? error.message : error.name})`;
      return false;
    }
  }

  // Whoever adds a passkey and proves it with another presses two buttons; the form is then sent by its own.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-passkey-ask], [data-passkey-new]");
    if (!button) return;
    const { form } = button;
    const isNew = "passkeyNew" in button.dataset;
    const waitsForMore = !isNew && form.querySelector("[data-passkey-new]");
    if (!waitsForMore && !isNew && !form.reportValidity()) return;
    button.disabled = true;
    const answered = await run(button.closest("[data-passkey]"), async () =>
      isNew
        ? navigator.credentials.create({ publicKey: await fetchOptions(button.dataset.passkeyNew, form) })
        : navigator.credentials.get({
            publicKey: await fetchOptions(button.dataset.passkeyAsk, form, button.dataset.purpose),
          }),
    );
    button.disabled = false;
    if (answered && !isNew && !waitsForMore) form.requestSubmit();
  });
})();
