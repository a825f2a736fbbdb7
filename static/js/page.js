// What a page does by itself: copy, dialogs, messages, focus. One listener each, on the document, so that
// content that htmx brings later behaves like the rest.
(() => {
  "use strict";

  document.addEventListener("click", (event) => {
    const target = event.target;
    const copy = target.closest("[data-copy]");
    if (copy) copyText(copy);
    const opener = target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
    if (target.closest("[data-dialog-close]") || target instanceof HTMLDialogElement) {
      target.closest("dialog")?.close();
    }
    target.closest("[data-dismiss]")?.closest("[data-dismissible]")?.remove();
    for (const menu of document.querySelectorAll("details[data-close-outside][open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-close-outside][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // A form with data-once is sent once: a second click while the first is under way does nothing. Coming back to the
  // page by the browser's back button opens it again. What htmx sends guards itself (hx-disabled-elt).
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]:not([hx-post])")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
  });

  async function copyText(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      copyBySelection(button.dataset.copy); // plain http: the clipboard interface is not offered
    }
    button.classList.add("is-copied");
    announce(document.getElementById("toasts")?.dataset.copied || "");
    setTimeout(() => button.classList.remove("is-copied"), 1600);
  }

  function copyBySelection(text) {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }

  function announce(text) {
    const region = document.getElementById("toasts");
    if (!region) return;
    const line = document.createElement("div");
    line.className = "visually-hidden";
    line.textContent = text;
    region.append(line);
    setTimeout(() => line.remove(), 2000);
  }

  function showToast(text, tone) {
    const region = document.getElementById("toasts");
    const template = document.getElementById("toast-template");
    if (!region || !template) return;
    const toast = template.content.firstElementChild.cloneNode(true);
    toast.classList.add(`tone-${tone}`);
    toast.querySelector("[data-text]").textContent = text;
    region.append(toast);
    if (tone !== "bad") setTimeout(() => toast.remove(), 8000); // what went wrong stays until read
  }

  // After a refused form the summary of errors takes the focus; dialogs with errors open again.
  function settle(root) {
    for (const dialog of root.querySelectorAll("dialog[data-dialog-opened]")) {
      if (!dialog.open) dialog.showModal();
    }
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
    root.querySelector("[data-focus]")?.focus();
  }

  document.addEventListener("DOMContentLoaded", () => settle(document));
  document.addEventListener("htmx:afterSwap", (event) => settle(event.detail.target.parentNode || document));

  // The server may send {"message": {"text": …, "tone": …}} in HX-Trigger.
  document.addEventListener("message", (event) => {
    if (event.detail?.text) showToast(event.detail.text, event.detail.tone || "info");
  });
  document.addEventListener("htmx:responseError", (event) => {
    const region = document.getElementById("toasts");
    showToast(region.dataset.refused.replace("%1", event.detail.xhr.status), "bad");
  });
  document.addEventListener("htmx:sendError", () => {
    showToast(document.getElementById("toasts").dataset.unreachable, "bad");
  });

  // A session that ended answers a fragment with the sign-in page: go there as a whole page instead.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.responseText.includes("data-sign-in")) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });
})();
