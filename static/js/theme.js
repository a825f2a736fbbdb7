// Light, dark, or as the system says. Loaded in the head, so the choice holds before anything is painted.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function readChoice() {
    try {
      return localStorage.getItem("countersign-theme") || "system";
    } catch {
      return "system"; // storage refused by the browser: the choice lasts as long as the page
    }
  }

  function apply(choice) {
    const theme = choice === "system" ? (system.matches ? "dark" : "light") : choice;
    if (root.dataset.bsTheme !== theme) {
      root.dataset.bsTheme = theme;
      document.dispatchEvent(new CustomEvent("countersign:theme"));
    }
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  }

  function keep(choice) {
    try {
      localStorage.setItem("countersign-theme", choice);
    } catch {
      // see readChoice
    }
    apply(choice);
  }

  apply(readChoice());
  system.addEventListener("change", () => apply(readChoice()));
  document.addEventListener("DOMContentLoaded", () => apply(readChoice()));
  // Paper is white.
  window.addEventListener("beforeprint", () => (root.dataset.bsTheme = "light"));
  window.addEventListener("afterprint", () => apply(readChoice()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (button) keep(button.dataset.themeChoice);
  });
})();
