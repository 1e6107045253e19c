// A plot: a caption, a legend, axes, what `draw` puts between them, and stops that a pointer or the arrow keys can read.

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function shape(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
}

function label(text, attributes, parent) {
  shape("text", attributes, parent).textContent = text;
}

/**
 * options: title, note, wide, height, legend [{name, colour, mark}], empty (a text, if there is nothing to show),
 *   x and y {label, format, scale: range => scale}, draw(svg, x, y, area),
 *   stops [{x, y, text}], ordered by x; where `nearest` is "both", the pointer's height counts as well.
 */
function plot(parent, options) {
  const figure = element("figure", { className: options.wide ? "plot wide" : "plot" });
  const caption = element("figcaption", {}, element("h3", { textContent: options.title }));
  if (options.note) caption.append(element("p", { className: "note", textContent: options.note }));
  figure.append(caption);
  parent.append(figure);
  if (options.empty) {
    figure.append(element("p", { className: "none", textContent: options.empty }));
    return;
  }
  if (options.legend) figure.append(legend(options.legend));
  const svg = shape("svg", { role: "img", tabindex: 0, "aria-label": described(options) }, figure);
  const reading = element("output", { className: "reading", hidden: true });
  figure.append(reading);
  let drawn = null;
  const redraw = () => {
    const width = Math.round(svg.getBoundingClientRect().width);
    if (!width || (drawn && drawn.width === width)) return;
    drawn = axes(svg, options, width);
    options.draw(svg, drawn.x.place, drawn.y.place, drawn);
    drawn.cross = shape("g", { class: "cross" }, svg);
    reading.hidden = true;
  };
  redraw();
  new ResizeObserver(redraw).observe(svg);
  readable(svg, reading, figure, options, () => drawn);
}

function described(options) {
  const first = options.stops.length ? "Arrow keys read the values." : "";
  return `${options.title}. ${options.note || ""} ${first}`;
}

function legend(entries) {
  const list = element("ul", { className: "legend" });
  for (const { name, colour, mark } of entries) {
    const key = shape("svg", { viewBox: "0 0 14 12", "aria-hidden": "true" });
    MARKS[mark || "box"](key, 7, 6, colour);
    list.append(element("li", {}, key, name));
  }
  return list;
}

/** How a thing looks, in a legend and in a plot. */
const MARKS = {
  box: (svg, x, y, fill) => shape("rect", { x: x - 6, y: y - 5, width: 12, height: 10, rx: 2, fill }, svg),
  line: (svg, x, y, stroke) => shape("path", { d: `M${x - 7} ${y}h14`, stroke, "stroke-width": 2.5 }, svg),
  dashes: (svg, x, y, stroke) =>
    shape("path", { d: `M${x - 7} ${y}h14`, stroke, "stroke-width": 2, "stroke-dasharray": "4 3" }, svg),
  dot: (svg, x, y, fill) => shape("circle", { cx: x, cy: y, r: 4, fill, "fill-opacity": 0.75 }, svg),
  small: (svg, x, y, fill) => shape("circle", { cx: x, cy: y, r: 2, fill, "fill-opacity": 0.8 }, svg),
  ring: (svg, x, y, stroke) => shape("circle", { cx: x, cy: y, r: 3.5, fill: "none", stroke, "stroke-width": 1.5 }, svg),
  diamond: (svg, x, y, fill) => shape("path", { d: `M${x} ${y - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z`, fill }, svg),
  flag: (svg, x, y, fill) => shape("path", { d: `M${x - 4.5} ${y - 4}h9l-4.5 8z`, fill }, svg),
  bar: (svg, x, y, stroke) => shape("path", { d: `M${x} ${y - 6}v12`, stroke, "stroke-width": 2, "stroke-dasharray": "3 2" }, svg),
};

function axes(svg, options, width) {
  const height = options.height || 230;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  const bottom = height - 40, top = 26;
  const y = options.y.scale([bottom, top], Math.floor((bottom - top) / 28));
  const widest = Math.max(...y.ticks.map(tick => options.y.format(tick).length));
  const left = Math.max(58, 16 + 6.9 * widest), right = width - 14;
  const x = options.x.scale([left, right], Math.floor((right - left) / 84));
  for (const tick of y.ticks) {
    const at = y.place(tick);
    shape("path", { class: "grid", d: `M${left} ${at}H${right}` }, svg);
    label(options.y.format(tick), { x: left - 8, y: at + 4, "text-anchor": "end" }, svg);
  }
  for (const tick of x.ticks) {
    const at = x.place(tick);
    shape("path", { class: "axis", d: `M${at} ${bottom}v5` }, svg);
    label(options.x.format(tick), { x: at, y: bottom + 18, "text-anchor": "middle" }, svg);
  }
  shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }, svg);
  label(options.x.label, { x: right, y: height - 4, "text-anchor": "end" }, svg);
  label(options.y.label, { x: 0, y: 12 }, svg);
  return { width, height, left, right, top, bottom, x, y };
}

/** Pointer and arrow keys move along the stops; each is told in the reading. */
function readable(svg, reading, figure, options, area) {
  const { stops } = options;
  let at = -1;
  const show = stop => {
    at = stop;
    const { x, y, cross, top, bottom, width } = area();
    const { x: value, y: height, text } = stops[at];
    const place = x.place(value);
    cross.replaceChildren();
    shape("path", { d: `M${place} ${top}V${bottom}` }, cross);
    if (height !== undefined) shape("circle", { cx: place, cy: y.place(height), r: 7, fill: "none" }, cross);
    reading.textContent = text;
    reading.hidden = false;
    const inside = svg.getBoundingClientRect(), outside = figure.getBoundingClientRect();
    const offset = inside.left - outside.left + (place / width) * inside.width;
    const flips = place > width / 2;
    reading.style.left = flips ? "auto" : `${offset + 14}px`;
    reading.style.right = flips ? `${outside.width - offset + 14}px` : "auto";
    reading.style.top = `${inside.top - outside.top + top}px`;
  };
  const hide = () => {
    reading.hidden = true;
    area().cross.replaceChildren();
  };
  svg.addEventListener("pointermove", event => {
    const { x, y, width } = area(), frame = svg.getBoundingClientRect();
    const across = ((event.clientX - frame.left) / frame.width) * width, down = event.clientY - frame.top;
    const distance = ({ x: value, y: height }) =>
      Math.abs(x.place(value) - across) + (options.nearest === "both" ? Math.abs(y.place(height) - down) : 0);
    let best = 0;
    stops.forEach((stop, place) => { if (distance(stop) < distance(stops[best])) best = place; });
    if (stops.length) show(best);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", event => {
    const last = stops.length - 1;
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last, PageDown: at + 20, PageUp: at - 20 }[event.key];
    if (event.key === "Escape") hide();
    if (next === undefined || last < 0) return;
    event.preventDefault();
    show(Math.min(last, Math.max(0, next)));
  });
}
