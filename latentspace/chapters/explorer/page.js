"use strict";

// Bokeh calls `explore` when both plots are drawn, and the members of `explorer` on what happens.

const byId = (id) => document.getElementById(id);
const known = JSON.parse(byId("known").textContent);
const sheet = byId("sheet");
const REACH = 24; // pixels around the pointer in which an image is found
const ERROR = "error";

let explorer;

function explore({ source, shown, plots, errors, numbers, is_training, labels, neighbors }) {
  const count = errors.length;
  const classes = labels.class;
  const off = new Set(); // classes that are switched off
  let current = 0; // the image in the details
  let held = false; // whether it stays while the pointer moves

  const css = (color) => `#${(color >>> 8).toString(16).padStart(6, "0")}`;
  const nameOf = (kind, index) => known.groups[kind].names[labels[kind][index]];
  const callOf = (index) => `${is_training[index] ? "training" : "test"} image #${numbers[index]}`;
  const number = (value) => value.toLocaleString("en");

  function added(parent, tag, properties = {}) {
    const element = Object.assign(document.createElement(tag), properties);
    parent.append(element);
    return element;
  }

  // Pictures: originals come first in the sheet, then as many reconstructions.

  function cut(canvas, picture) {
    const [height, width] = known.tile;
    Object.assign(canvas, { width, height });
    const [x, y] = [picture % known.columns, Math.floor(picture / known.columns)];
    const area = [x * width, y * height, width, height];
    canvas.getContext("2d").drawImage(sheet, ...area, 0, 0, width, height);
  }

  // Details of one image.

  const near = [...document.querySelectorAll("[data-space]")].map((list) => ({
    places: neighbors[list.dataset.space],
    buttons: Array.from({ length: known.nearest }, () => {
      const button = added(list, "button", { type: "button" });
      button.onclick = () => show(button.index, true);
      return { button, canvas: added(button, "canvas"), name: added(button, "span") };
    }),
  }));

  function show(index, hold = held) {
    [current, held] = [index, hold];
    cut(byId("original"), index);
    cut(byId("reconstruction"), count + index);
    const rows = [
      ["image", callOf(index)],
      ...Object.keys(known.groups).map((kind) => [kind, nameOf(kind, index)]),
      [ERROR, errors[index].toFixed(5)],
      ...(is_training[index] ? [] : [["flag", `--from ${numbers[index]}`]]),
    ];
    byId("facts").replaceChildren();
    for (const [term, text] of rows) {
      added(byId("facts"), "dt", { textContent: term });
      added(byId("facts"), "dd", { textContent: text });
    }
    for (const { places, buttons } of near) {
      buttons.forEach(({ button, canvas, name }, place) => {
        const other = places[index * known.nearest + place];
        button.index = other;
        button.title = callOf(other);
        cut(canvas, other);
        name.textContent = nameOf("class", other);
      });
    }
    document.body.classList.toggle("held", held);
    mark();
  }

  // A ring around the image; an element, since a glyph would draw all points anew.

  function mark() {
    for (const [space, { x_range, y_range }] of Object.entries(plots)) {
      const share = (axis, { start, end }) =>
        (100 * (source.data[`${space}_${axis}`][current] - start)) / (end - start);
      const { style } = document.querySelector(`#${space} .ring`);
      style.left = `${share("x", x_range)}%`;
      style.bottom = `${share("y", y_range)}%`;
    }
  }

  function nearest(space, { x, y }) {
    const { x_range, inner_width } = plots[space];
    const reach = (REACH * (x_range.end - x_range.start)) / inner_width;
    const [xs, ys] = [source.data[`${space}_x`], source.data[`${space}_y`]];
    let [found, least] = [null, reach * reach];
    for (let index = 0; index < count; index++) {
      const away = (xs[index] - x) ** 2 + (ys[index] - y) ** 2;
      if (away < least && !off.has(classes[index])) {
        [found, least] = [index, away];
      }
    }
    return found;
  }

  // Groups: a line for each with its colour and how many of it are selected.

  const lists = { class: byId("classes"), cluster: byId("clusters") };
  const lines = Object.fromEntries(
    Object.entries(known.groups).map(([kind, { names, colors }]) => [
      kind,
      names.map((name, group) => {
        const line = added(added(lists[kind], "li"), kind === "class" ? "button" : "div");
        line.style.setProperty("--color", css(colors[group]));
        added(line, "span", { className: "name", textContent: name });
        if (kind === "class") {
          line.type = "button";
          line.onclick = () => toggle([group], off.has(group));
        }
        return { line, count: added(line, "span", { className: "count" }) };
      }),
    ]),
  );

  function toggle(groups, on) {
    groups.forEach((group) => (on ? off.delete(group) : off.add(group)));
    lines.class.forEach(({ line }, group) => line.setAttribute("aria-pressed", !off.has(group)));
    shown.booleans = Array.from(classes, (group) => !off.has(group));
    const selected = source.selected.indices;
    const kept = selected.filter((index) => shown.booleans[index]);
    if (kept.length < selected.length) {
      source.selected.indices = kept; // counts by itself
    } else {
      tally();
    }
  }

  function tally() {
    const selected = source.selected.indices;
    const everything = Array.from({ length: count }, (_, index) => index);
    const counted = selected.length
      ? selected
      : everything.filter((index) => !off.has(classes[index]));
    byId("total").textContent = selected.length
      ? `${number(selected.length)} of ${number(count)} selected`
      : `${number(counted.length)} images`;
    for (const [kind, entries] of Object.entries(lines)) {
      const counts = new Array(entries.length).fill(0);
      counted.forEach((index) => counts[labels[kind][index]]++);
      entries.forEach((entry, group) => {
        entry.count.textContent = number(counts[group]);
        entry.line.classList.toggle("none", counts[group] === 0);
      });
    }
  }

  // Colours.

  const [low, high] = known.ends;
  const paints = {
    ...Object.fromEntries(
      Object.entries(known.groups).map(([kind, { colors }]) => [
        kind,
        (index) => colors[labels[kind][index]],
      ]),
    ),
    [ERROR]: (index) => {
      const share = (errors[index] - low) / (high - low || 1);
      const step = Math.round(share * (known.ramp.length - 1));
      return known.ramp[Math.min(Math.max(step, 0), known.ramp.length - 1)];
    },
  };

  function paint(kind) {
    for (let index = 0; index < count; index++) {
      source.data.color[index] = paints[kind](index);
    }
    source.change.emit();
    document.body.dataset.coloring = kind;
  }

  const menu = byId("coloring");
  Object.keys(paints).forEach((kind) => added(menu, "option", { value: kind, textContent: kind }));
  menu.onchange = () => paint(menu.value);
  const stops = known.ramp.map(css).join(", ");
  byId("ramp").style.background = `linear-gradient(to right, ${stops})`;
  byId("low").textContent = `${low.toFixed(4)} or less`;
  byId("high").textContent = `${high.toFixed(4)} or more`;

  // What dragging does, in both plots; without any a finger scrolls the page.

  const modes = [...document.querySelectorAll("[data-mode]")];

  function drag(mode) {
    modes.forEach((button) => button.setAttribute("aria-pressed", button.dataset.mode === mode));
    for (const { toolbar } of Object.values(plots)) {
      for (const tool of toolbar.tools.filter((one) => one.name !== null)) {
        tool.active = tool.name === mode;
      }
    }
  }

  modes.forEach((button) => {
    const isOn = () => button.getAttribute("aria-pressed") === "true";
    button.onclick = () => drag(isOn() ? null : button.dataset.mode);
  });
  drag(matchMedia("(pointer: coarse)").matches ? null : "box");
  byId("reset").onclick = () => Object.values(plots).forEach((plot) => plot.reset.emit());
  document.querySelectorAll("[data-on]").forEach((button) => {
    button.onclick = () => toggle([...lines.class.keys()], button.dataset.on !== "");
  });

  const tip = byId("tip");

  function tap(space, event) {
    const found = nearest(space, event);
    if (found === null) {
      source.selected.indices = [];
      show(current, false);
    } else {
      show(found, true);
    }
  }

  explorer = {
    tally,
    tap,
    doubletap: tap, // two quick ones are still two
    rangesupdate: mark,
    reset: mark,
    mousemove(space, event) {
      const found = nearest(space, event);
      tip.hidden = found === null;
      if (found === null) {
        return;
      }
      cut(tip.firstElementChild, found);
      tip.lastElementChild.textContent = nameOf("class", found);
      const frame = document.querySelector(`#${space}`);
      frame.append(tip);
      tip.style.translate = `${event.sx}px ${event.sy}px`;
      tip.classList.toggle("left", event.sx > frame.clientWidth / 2);
      if (!held && found !== current) {
        show(found);
      }
    },
    mouseleave() {
      tip.hidden = true;
    },
  };

  paint("class");
  toggle([], true);
  sheet.decode().then(() => {
    show(0);
    document.body.classList.add("ready");
  });
}
