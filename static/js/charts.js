// Draws Vega-Lite charts in the colours of the page. Vega is loaded only when a page holds a chart; its expression
// interpreter (ast) is used, because the content security policy forbids evaluating text as code.
(() => {
  "use strict";
  const script = document.currentScript;
  let loading;

  function load(url) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = url;
      element.onload = resolve;
      element.onerror = () => reject(new Error(`${url} could not be loaded`));
      document.head.append(element);
    });
  }

  function loadVega() {
    loading ??= (async () => {
      await load(script.dataset.vega);
      await load(script.dataset.vegaLite);
      await load(script.dataset.vegaEmbed);
    })();
    return loading;
  }

  function readTheme() {
    const style = getComputedStyle(document.documentElement);
    const token = (name) => style.getPropertyValue(`--cs-${name}`).trim();
    const font = token("font");
    const series = [1, 2, 3, 4, 5, 6].map((index) => token(`chart-${index}`));
    return {
      background: "transparent",
      font,
      view: { stroke: "transparent" },
      axis: {
        domainColor: token("line-strong"),
        tickColor: token("line-strong"),
        gridColor: token("chart-grid"),
        labelColor: token("ink-2"),
        titleColor: token("ink-3"),
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 500,
        titlePadding: 10,
        labelPadding: 6,
      },
      header: { labelColor: token("ink"), titleColor: token("ink-3"), labelFontSize: 12, titleFontWeight: 500 },
      legend: { labelColor: token("ink-2"), titleColor: token("ink-3"), labelFontSize: 12, titleFontWeight: 500, symbolType: "circle" },
      title: { color: token("ink"), fontSize: 13, fontWeight: 600, anchor: "start" },
      mark: { color: series[0] },
      bar: { cornerRadiusEnd: 2 },
      rule: { color: token("ink-2") },
      errorbar: { color: token("ink-2") },
      text: { color: token("ink-2"), fontSize: 12 },
      range: {
        category: series,
        ramp: [token("accent-soft"), token("accent")],
        heatmap: [token("accent-soft"), token("accent")],
        diverging: [series[2], token("neutral-ground"), series[1]],
      },
    };
  }

  // The page holds one drawing, in light colours, and what each of them is in the dark.
  function readSpec(figure) {
    const text = document.getElementById(figure.dataset.chart).textContent;
    const colours = document.getElementById("chart-colours");
    if (!colours || document.documentElement.dataset.bsTheme !== "dark") return JSON.parse(text);
    const dark = JSON.parse(colours.textContent);
    return JSON.parse(text.replaceAll(/"#[0-9a-f]{6}"/g, (found) => JSON.stringify(dark[found.slice(1, -1)] ?? found.slice(1, -1))));
  }

  // Scaling a picture would scale its letters too: the plots are widened or narrowed instead, to what their labels
  // leave of the page. Several plots side by side never get narrower than they were made; they scroll.
  function fit(spec, spare) {
    const plots = spec.hconcat || [spec];
    const least = spec.hconcat ? plots[0].width : 140;
    for (const plot of plots) plot.width = Math.max(least, Math.floor(plot.width + spare / plots.length));
    return spec;
  }

  async function embed(canvas, spec) {
    await window.vegaEmbed(canvas, spec, {
      mode: "vega-lite",
      renderer: "svg",
      actions: false,
      ast: true,
      defaultStyle: false,
      config: readTheme(),
      loader: { http: { credentials: "omit" }, sanitize: refuse },
      tooltip: { disableDefaultStyle: true },
    });
    return canvas.clientWidth - canvas.querySelector("svg").getBoundingClientRect().width;
  }

  // Vega replaces the words that stand for the picture by its own; the numbers are in the table below it.
  function describe(canvas, words) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", words);
    canvas.removeAttribute("aria-roledescription");
    canvas.querySelector("svg").setAttribute("aria-hidden", "true");
    if (canvas.scrollWidth > canvas.clientWidth) canvas.tabIndex = 0;
    else canvas.removeAttribute("tabindex");
  }

  async function draw(figure) {
    const canvas = figure.querySelector("[data-chart-canvas]");
    canvas.dataset.words ||= canvas.getAttribute("aria-label");
    const words = canvas.dataset.words;
    try {
      const spec = readSpec(figure);
      await loadVega();
      const spare = await embed(canvas, structuredClone(spec));
      const isSized = (spec.hconcat || [spec]).every((plot) => typeof plot.width === "number");
      if (isSized && Math.abs(spare) > 2) await embed(canvas, fit(spec, spare - 2));
      describe(canvas, words);
    } catch (error) {
      console.error("chart", figure.dataset.chart, error);
      figure.querySelector("[data-chart-failed]").hidden = false;
      figure.querySelector("details")?.setAttribute("open", "");
    }
  }

  // A chart carries its own data; it has nothing to fetch.
  function refuse() {
    return Promise.reject(new Error("a chart may not load anything"));
  }

  function drawAll(root) {
    for (const figure of root.querySelectorAll("[data-chart]")) draw(figure);
  }

  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:load", (event) => {
    if (event.detail.elt !== document.body) drawAll(event.detail.elt);
  });
  document.addEventListener("countersign:theme", () => drawAll(document));

  let drawnWidth = window.innerWidth;
  let waiting;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (window.innerWidth !== drawnWidth) drawAll(document);
      drawnWidth = window.innerWidth;
    }, 200);
  });
})();
