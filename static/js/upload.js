// Shows the name of a chosen file, refuses one that is too large before it travels, and how far it has travelled.
(() => {
  "use strict";
  const units = ["B", "KB", "MB", "GB"];

  function writeSize(bytes) {
    const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
    return `${(bytes / 1024 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
  }

  document.addEventListener("change", (event) => {
    const field = event.target.closest("[data-upload]");
    if (!field || event.target.type !== "file") return;
    const file = event.target.files[0];
    const limit = Number(field.dataset.limit || Infinity);
    event.target.setCustomValidity(file && file.size > limit ? field.dataset.tooLarge : "");
    event.target.reportValidity();
    field.querySelector("[data-upload-name]").textContent = file ? `${file.name} · ${writeSize(file.size)}` : "";
  });

  for (const [type, over] of [["dragenter", true], ["dragleave", false], ["drop", false]]) {
    document.addEventListener(type, (event) => {
      event.target.closest?.(".drop")?.classList.toggle("is-over", over);
    });
  }

  document.addEventListener("htmx:xhr:progress", (event) => {
    const box = event.target.closest?.("form")?.querySelector("[data-upload-progress]");
    if (!box || !event.detail.lengthComputable) return;
    const { loaded, total } = event.detail;
    const text = box.querySelector("[data-upload-text]");
    box.hidden = false;
    box.querySelector("progress").value = (100 * loaded) / total;
    text.textContent =
      loaded < total
        ? text.dataset.sending.replace("%1", writeSize(loaded)).replace("%2", writeSize(total))
        : text.dataset.storing;
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const box = event.target.closest?.("form")?.querySelector("[data-upload-progress]");
    if (box) box.hidden = true;
  });
})();
