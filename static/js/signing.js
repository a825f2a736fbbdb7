// Suggests the sentence that fits role and decision, until the signer writes their own.
(() => {
  "use strict";

  function readChoice(form, name) {
    return form.querySelector(`select[name=${name}], input[name=${name}]:checked`)?.value;
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-signing]");
    const meaning = form?.querySelector("[data-meaning]");
    if (!meaning || !["role", "decision"].includes(event.target.name)) return;
    const suggestions = JSON.parse(document.getElementById("meanings").textContent);
    const isOwn = meaning.value.trim() && !Object.values(suggestions).includes(meaning.value.trim());
    const fitting = suggestions[`${readChoice(form, "role")}:${readChoice(form, "decision")}`];
    if (!isOwn && fitting) meaning.value = fitting;
  });
})();
