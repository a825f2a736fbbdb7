// The lineage picture: move, zoom, and show what a node stands on and what stands on it.
(() => {
  "use strict";
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

  // How far to the right the subject of the drawing stands: 0 at the left edge, 1 at the right.
  function locateSubject(svg) {
    const node = svg.querySelector(".subject")?.getBoundingClientRect();
    const frame = svg.getBoundingClientRect();
    if (!node || !frame.width) return 0.5;
    return Math.min(Math.max((node.left + node.width / 2 - frame.left) / frame.width, 0), 1);
  }

  // Pan and zoom by the viewBox alone: the drawing is never larger than its frame nor its letters than the page's.
  function move(frame, canvas, svg) {
    const whole = svg.viewBox.baseVal;
    const full = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
    const margin = 24;
    const subject = locateSubject(svg);
    let view;

    function show(next) {
      view = next;
      svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
      frame.classList.toggle("is-zoomed", view.width < fitted().width - 1);
    }

    // The whole drawing, unless its words would be too small to read: then its subject stands in the middle.
    function fitted() {
      const scale = Math.min(Math.max(svg.clientWidth / (full.width + 2 * margin), 0.72), 1.25);
      svg.style.height = `${Math.min(Math.max((full.height + 2 * margin) * scale, 160), 448)}px`;
      const size = { width: svg.clientWidth / scale, height: svg.clientHeight / scale };
      const spare = full.width + 2 * margin - size.width;
      const middle = full.x + (full.width - size.width) / 2;
      const x = spare > 0 ? full.x - margin + spare * subject : middle;
      return { x, y: full.y + (full.height - size.height) / 2, ...size };
    }

    function zoom(factor) {
      const width = Math.min(Math.max(view.width / factor, full.width / 12), fitted().width * 1.5);
      const height = (width * view.height) / view.width;
      show({ x: view.x + (view.width - width) / 2, y: view.y + (view.height - height) / 2, width, height });
    }

    function shift(x, y) {
      show({ ...view, x: view.x + x, y: view.y + y });
    }

    frame.addEventListener("click", (event) => {
      const verb = event.target.closest("[data-zoom]")?.dataset.zoom;
      if (verb === "in") zoom(1.4);
      if (verb === "out") zoom(1 / 1.4);
      if (verb === "reset") show(fitted());
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (step) shift(step[0] * view.width * 0.1, step[1] * view.height * 0.1);
      else if (event.key === "+") zoom(1.4);
      else if (event.key === "-") zoom(1 / 1.4);
      else if (event.key === "0") show(fitted());
      else return;
      event.preventDefault();
    });
    let held;
    canvas.addEventListener("pointerdown", (event) => {
      held = event.button === 0 && !event.target.closest("a") ? event.pointerId : undefined;
      if (held !== undefined) canvas.setPointerCapture(held);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== held) return;
      const scale = view.width / svg.getBoundingClientRect().width;
      shift(-event.movementX * scale, -event.movementY * scale);
    });
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, () => (held = undefined));
    new ResizeObserver(() => show(fitted())).observe(canvas);
    show(fitted());
  }

  function enliven(frame) {
    const canvas = frame.querySelector(".lineage-canvas");
    const svg = canvas.querySelector("svg");
    if (!svg || frame.classList.contains("is-live")) return;
    frame.classList.add("is-live");
    move(frame, canvas, svg);
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
