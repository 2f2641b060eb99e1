// Draws every [data-figure]: its JSON comes from json_script, its colours from the tokens.
// Python writes colours as "var(--chart-1)"; here they become what the theme says.
(() => {
  "use strict";
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
  const probe = document.createElement("span");
  probe.hidden = true;

  function colour(expression) {
    probe.style.color = "";
    probe.style.color = expression;
    return getComputedStyle(probe).color;
  }

  function themed(value, colours) {
    if (typeof value === "string") {
      if (!value.startsWith("var(--")) return value;
      colours[value] ??= colour(value);
      return colours[value];
    }
    if (Array.isArray(value)) return value.map((item) => themed(item, colours));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, themed(item, colours)]));
    }
    return value;
  }

  // A narrow chart labels fewer months; the year stands where it changes.
  function thinned(axis, width) {
    const each = Math.ceil(((axis?.tickvals?.length ?? 0) * 40) / width);
    if (axis?.type !== "date" || each < 2) return axis;
    const kept = axis.tickvals.filter((_, index) => index % each === 0);
    const names = axis.ticktext.filter((_, index) => index % each === 0).map((text) => text.split("<br>")[0]);
    const year = (index) => kept[index]?.slice(0, 4);
    const ticktext = names.map((name, index) => (year(index) === year(index - 1) ? name : `${name}<br>${year(index)}`));
    return { ...axis, tickvals: kept, ticktext };
  }

  // Of stacked bars Plotly names all of a month: this is the one under the pointer, if any.
  function hit(element, event) {
    const bars = event.points.filter((point) => point.data.type === "bar");
    if (bars.length < 2) return event.points[0];
    const axis = bars[0].yaxis;
    const value = axis.p2d(event.event.clientY - element.getBoundingClientRect().top - axis._offset);
    const ends = { up: 0, down: 0 };
    return bars
      .sort((one, other) => one.curveNumber - other.curveNumber)
      .find(({ y }) => {
        const side = y < 0 ? "down" : "up";
        const begins = ends[side];
        ends[side] += y;
        return Math.min(begins, ends[side]) <= value && value < Math.max(begins, ends[side]);
      });
  }

  // Only addresses on this site are followed.
  function follow(element, event) {
    const address = hit(element, event)?.customdata;
    const url = Array.isArray(address) ? address[0] : address;
    if (typeof url !== "string" || !/^[/?]/.test(url) || url.startsWith("//")) return;
    if (event.event?.ctrlKey || event.event?.metaKey) open(url, "_blank", "noopener");
    else location.assign(url);
  }

  async function draw(element, layout = {}) {
    const source = document.getElementById(element.dataset.figure);
    if (!source) return;
    const figure = themed(JSON.parse(source.textContent), {});
    figure.layout.font = { ...figure.layout.font, family: getComputedStyle(document.body).fontFamily };
    Object.assign(figure.layout, layout);
    figure.layout.xaxis = thinned(figure.layout.xaxis, layout.width ?? element.clientWidth);
    await Plotly.react(element, figure.data, figure.layout, config);
    element.removeAttribute("data-loading");
    if (element.dataset.drawn) return;
    element.dataset.drawn = "yes";
    const linked = figure.data.some((trace) => (trace.customdata ?? []).some(Boolean));
    element.toggleAttribute("data-links", linked);
    element.on("plotly_click", (event) => follow(element, event));
  }

  function drawAll(within) {
    if (!probe.isConnected) document.body.append(probe);
    const found = [...within.querySelectorAll("[data-figure]")];
    if (within.matches?.("[data-figure]")) found.push(within);
    for (const element of found) draw(element);
  }

  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("tonne:theme", () => {
    if (document.readyState === "complete") drawAll(document);
  });
  document.addEventListener("htmx:afterSwap", (event) => drawAll(event.detail.elt));
  document.addEventListener("htmx:beforeCleanupElement", (event) => {
    if (event.detail.elt.matches?.("[data-drawn]")) Plotly.purge(event.detail.elt);
  });

  // Paper is light and narrow, whatever the screen is.
  addEventListener("beforeprint", () => {
    const root = document.documentElement;
    const theme = root.dataset.theme;
    root.dataset.theme = "light";
    for (const element of document.querySelectorAll("[data-drawn]")) draw(element, { width: 680 });
    addEventListener(
      "afterprint",
      () => {
        if (theme) root.dataset.theme = theme;
        else delete root.dataset.theme;
        drawAll(document);
      },
      { once: true },
    );
  });
})();
