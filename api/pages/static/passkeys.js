// Passkeys: the browser's part. Without a script, or where the browser has none, one signs in with a key.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one)).join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  async function made(options) {
    const user = { ...options.user, id: bytes(options.user.id) };
    return navigator.credentials.create({ publicKey: { ...options, user, challenge: bytes(options.challenge), excludeCredentials: named(options.excludeCredentials) } });
  }

  async function shown(options) {
    return navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) } });
  }

  function written(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response, clientExtensionResults: {} });
  }

  async function answered(form, said) {
    const fields = new URLSearchParams([...new FormData(form)].filter(([name]) => name === "csrf"));
    const answer = await fetch(`${form.getAttribute("action")}/options`, { method: "POST", body: fields });
    const options = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(options.wrong || said.dataset.failed);
    const credential = form.dataset.passkey === "enrol" ? await made(options) : await shown(options);
    form.querySelector('[name="credential"]').value = written(credential);
    form.submit();
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!window.PublicKeyCredential || !navigator.credentials) return;
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      const said = form.querySelector("[data-said]");
      form.closest("[data-passkeys]").hidden = false;
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const button = form.querySelector("button");
        button.disabled = true;
        said.textContent = said.dataset.waiting;
        try {
          await answered(form, said);
        } catch (error) {
          const own = error instanceof DOMException ? said.dataset[error.name === "InvalidStateError" ? "there" : "cancelled"] : error.message;
          said.textContent = own || said.dataset.failed;
          button.disabled = false;
        }
      });
    }
  });
})();
