// The lineage picture: move, zoom, and show what a node stands on and what stands on it.
(() => {
  "use strict";
  const script = document.currentScript;
  let loading;

  function loadPanZoom() {
    loading ??= new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = script.dataset.panZoom;
      element.onload = resolve;
      element.onerror = reject;
      document.head.append(element);
    });
    return loading;
  }

  // Graphviz titles an edge "from->to" and a node by its name.
  function readEdges(svg) {
    return [...svg.querySelectorAll(".edge")].map((element) => {
      const [from, to] = element.querySelector("title").textContent.split("->");
      return { element, from, to };
    });
  }

  function collect(start, edges, here, there) {
    const seen = new Set([start]);
    const lit = new Set();
    for (const name of seen) {
      for (const edge of edges) {
        if (edge[here] !== name) continue;
        lit.add(edge.element);
        seen.add(edge[there]);
      }
    }
    return { seen, lit };
  }

  function follow(frame, svg) {
    const edges = readEdges(svg);
    const nodes = new Map([...svg.querySelectorAll(".node")].map((node) => [node.querySelector("title").textContent, node]));
    for (const [name, node] of nodes) {
      const up = collect(name, edges, "to", "from");
      const down = collect(name, edges, "from", "to");
      const related = [...up.lit, ...down.lit, ...[...up.seen, ...down.seen].map((seen) => nodes.get(seen))];
      const light = (on) => {
        frame.classList.toggle("has-focus", on);
        for (const element of related) element?.classList.toggle("is-related", on);
      };
      for (const type of ["mouseenter", "focusin"]) node.addEventListener(type, () => light(true));
      for (const type of ["mouseleave", "focusout"]) node.addEventListener(type, () => light(false));
    }
  }

  async function enliven(frame) {
    const svg = frame.querySelector("svg:not(.icon)");
    if (!svg || frame.classList.contains("is-live")) return;
    await loadPanZoom();
    frame.classList.add("is-live");
    // The wheel scrolls the page; zooming is what the buttons are for.
    const view = window.svgPanZoom(svg, { mouseWheelZoomEnabled: false, maxZoom: 6, minZoom: 0.5, fit: true, center: true });
    // Fitting a small drawing would blow its letters up beyond those of the page.
    const showAll = () => {
      view.resize().fit().center();
      if (view.getSizes().realZoom > 1.4) view.zoom(view.getZoom() * (1.4 / view.getSizes().realZoom)).center();
    };
    showAll();
    frame.addEventListener("click", (event) => {
      const verb = event.target.closest("[data-zoom]")?.dataset.zoom;
      if (verb === "in") view.zoomIn();
      if (verb === "out") view.zoomOut();
      if (verb === "reset") showAll();
    });
    follow(frame, svg);
  }

  function enlivenAll(root) {
    for (const frame of root.querySelectorAll("[data-lineage]")) enliven(frame);
  }

  document.addEventListener("DOMContentLoaded", () => enlivenAll(document));
  document.addEventListener("htmx:load", (event) => {
    if (event.detail.elt !== document.body) enlivenAll(event.detail.elt);
  });
})();
