"use strict";

// Bokeh calls `explore` when both plots are drawn, and the members of `explorer` on what happens.

const byId = (id) => document.getElementById(id);
const known = JSON.parse(byId("known").textContent);
const sheet = byId("sheet");
const REACH = 24; // pixels around the pointer in which an image is found
const MOST_FACTS = 12; // attributes of an image in the details
const UNKNOWN = "unknown";
const ON_POINT = 8; // pixels, within which it is an image, and not what lies between
const GREY = 0x8a9099ff; // of what is unknown
const MANY = 20; // attributes, from which on there is a field to find them

let explorer;

function explore({ source, shown, plots, values, numbers, is_training, neighbors }) {
  const count = numbers.length;
  // What images are coloured by: groups have names, some of which may be off; numbers have ends.
  const kinds = known.kinds.map((kind, place) => ({
    ...kind,
    values: values[place],
    off: new Set(),
    switches: place === 0 || place >= known.own,
    isAttribute: place >= known.own,
  }));
  const [classes, attributes] = [kinds[0], kinds.slice(known.own)];
  let coloring = classes;
  let current = 0; // the image in the details
  let held = false; // whether it stays while the pointer moves
  let live = null; // the model at work, where it can be

  const css = (color) => `#${(color >>> 8).toString(16).padStart(6, "0")}`;
  // A group that is unknown is one more than there are; a number that is unknown is NaN.
  const isKnown = ({ values, names }, index) => values[index] < (names?.length ?? Infinity);
  const callOf = (index) => `${is_training[index] ? "training" : "test"} image #${numbers[index]}`;
  const number = (value) => value.toLocaleString("en");

  function write(kind, value, decimals = 5) {
    if (!kind.isAttribute) {
      return value.toFixed(decimals);
    }
    return String(Math.abs(value) < 100 ? Number(value.toPrecision(3)) : Math.round(value));
  }

  function textOf(kind, index) {
    const value = kind.values[index];
    return isKnown(kind, index) ? (kind.names?.[value] ?? write(kind, value)) : UNKNOWN;
  }

  const captionOf = (index) => textOf(coloring.isAttribute ? coloring : classes, index);

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
      ...kinds.slice(0, known.own).map((kind) => [kind.name, textOf(kind, index)]),
      ...(is_training[index] ? [] : [["flag", `--from ${numbers[index]}`]]),
    ];
    byId("facts").replaceChildren();
    for (const [term, text] of rows) {
      added(byId("facts"), "dt", { textContent: term });
      added(byId("facts"), "dd", { textContent: text });
    }
    showAttributes(index);
    for (const { places, buttons } of near) {
      buttons.forEach(({ button, canvas, name }, place) => {
        const other = places[index * known.nearest + place];
        button.index = other;
        button.title = callOf(other);
        cut(canvas, other);
        name.textContent = captionOf(other);
      });
    }
    document.body.classList.toggle("held", held);
    mark();
  }

  // As many lines for every image, so that nothing moves; the one that gives the colour first.

  function showAttributes(index) {
    const order = attributes.filter((kind) => kind !== coloring);
    const told = [...(coloring.isAttribute ? [coloring] : []), ...order].filter((kind) =>
      isKnown(kind, index),
    );
    const list = byId("attributes");
    list.replaceChildren();
    for (const place of attributes.slice(0, MOST_FACTS).keys()) {
      const row = added(list, "div");
      const [term, text] = place in told ? [told[place].name, textOf(told[place], index)] : ["", ""];
      row.title = text && `${term}: ${text}`;
      added(row, "dt", { textContent: term });
      added(row, "dd", { textContent: text });
    }
    const more = told.length - MOST_FACTS;
    byId("more").hidden = attributes.length <= MOST_FACTS;
    byId("more").textContent = more > 0 ? `and ${number(more)} more` : "";
  }

  // A ring around the image; an element, since a glyph would draw all points anew.

  const coordinates = (space) => ({ x: source.data[`${space}_x`], y: source.data[`${space}_y`] });

  // Where a point of a map is drawn, from left and from top, in hundredths.

  function shareOf(space, [x, y]) {
    const { x_range, y_range } = plots[space];
    const share = (value, { start, end }) => (100 * (value - start)) / (end - start);
    return [share(x, x_range), 100 - share(y, y_range)];
  }

  function mark() {
    for (const space of Object.keys(plots)) {
      const { x, y } = coordinates(space);
      const [left, top] = shareOf(space, [x[current], y[current]]);
      const { style } = document.querySelector(`#${space} .ring`);
      [style.left, style.top] = [`${left}%`, `${top}%`];
    }
    live?.redraw();
  }

  // Images that are nearest on a map to a point, each with its weight.

  function around(space, { x, y }, most) {
    const { x: xs, y: ys } = coordinates(space);
    const found = [];
    for (let index = 0; index < count; index++) {
      const away = (xs[index] - x) ** 2 + (ys[index] - y) ** 2;
      if (found.length < most || away < found[most - 1].away) {
        const at = found.findIndex((other) => other.away > away);
        found.splice(at < 0 ? found.length : at, 0, { index, away });
        found.length = Math.min(found.length, most);
      }
    }
    const weights = found.map(({ away }) => 1 / Math.max(away, 1e-9));
    const sum = weights.reduce((sum, weight) => sum + weight, 0);
    return found.map(({ index }, at) => ({ index, weight: weights[at] / sum }));
  }

  function nearest(space, { x, y }, within = REACH) {
    const { x_range, inner_width } = plots[space];
    const reach = (within * (x_range.end - x_range.start)) / inner_width;
    const { x: xs, y: ys } = coordinates(space);
    let [found, least] = [null, reach * reach];
    for (let index = 0; index < count; index++) {
      const away = (xs[index] - x) ** 2 + (ys[index] - y) ** 2;
      if (away < least && shown.booleans[index]) {
        [found, least] = [index, away];
      }
    }
    return found;
  }

  // Groups: a line for each with its colour and how many of it are selected.

  function makeList(kind) {
    const { values, names, colors, off } = kind;
    kind.list = document.createElement("ul");
    if (kind.isAttribute) {
      kind.list.ariaLabel = kind.name;
    } else {
      kind.list.id = kind === classes ? "classes" : "clusters";
    }
    byId("scale").before(kind.list);
    const unknown = values.includes(names.length) ? [UNKNOWN] : [];
    kind.lines = [...names, ...unknown].map((name, group) => {
      const line = added(added(kind.list, "li"), kind.switches ? "button" : "div");
      line.style.setProperty("--color", css(colors[group] ?? GREY));
      added(line, "span", { className: "name", textContent: name });
      if (kind.switches) {
        line.type = "button";
        line.onclick = () => toggle(kind, [group], off.has(group));
      }
      return { line, count: added(line, "span", { className: "count" }) };
    });
  }

  function toggle({ off }, groups, on) {
    groups.forEach((group) => (on ? off.delete(group) : off.add(group)));
    const filters = kinds.filter((kind) => kind.off.size);
    shown.booleans = Array.from({ length: count }, (_, index) =>
      filters.every((kind) => !kind.off.has(kind.values[index])),
    );
    const selected = source.selected.indices;
    const kept = selected.filter((index) => shown.booleans[index]);
    if (kept.length < selected.length) {
      source.selected.indices = kept; // counts by itself
    } else {
      tally();
    }
  }

  // Lists: of classes, of what gives the colours, and of what is switched off.

  // What is selected, or else all that is shown.

  function listCounted() {
    const selected = source.selected.indices;
    const everything = Array.from({ length: count }, (_, index) => index);
    return selected.length ? selected : everything.filter((index) => shown.booleans[index]);
  }

  function tally() {
    const selected = source.selected.indices;
    const counted = listCounted();
    byId("total").textContent = selected.length
      ? `${number(selected.length)} of ${number(count)} selected`
      : `${number(counted.length)} images`;
    for (const kind of kinds.filter(({ list }) => list)) {
      const { list, lines, values, off } = kind;
      list.classList.toggle("chosen", kind === coloring);
      list.hidden = ![classes, coloring].includes(kind) && !off.size;
      const counts = new Array(lines.length).fill(0);
      counted.forEach((index) => counts[values[index]]++);
      lines.forEach(({ line, count: shownCount }, group) => {
        shownCount.textContent = number(counts[group]);
        line.classList.toggle("none", counts[group] === 0);
        if (kind.switches) {
          line.setAttribute("aria-pressed", !off.has(group));
        }
      });
    }
  }

  // Colours.

  function colorOf(kind, index) {
    const { values, colors, ends } = kind;
    if (colors || !isKnown(kind, index)) {
      return colors?.[values[index]] ?? GREY;
    }
    const share = (values[index] - ends[0]) / (ends[1] - ends[0] || 1);
    const step = Math.round(share * (known.ramp.length - 1));
    return known.ramp[Math.min(Math.max(step, 0), known.ramp.length - 1)];
  }

  function paint(kind) {
    coloring = kind;
    for (let index = 0; index < count; index++) {
      source.data.color[index] = colorOf(kind, index);
    }
    source.change.emit();
    byId("groups").classList.toggle("attribute", kind.isAttribute);
    byId("scale").hidden = !kind.ends;
    if (kind.names && !kind.list) {
      makeList(kind);
    }
    if (kind.ends) {
      const [low, high] = kind.ends.map((end) => write(kind, end, 4));
      byId("measured").textContent = kind.isAttribute ? kind.name : "squared error of the reconstruction";
      byId("low").textContent = `${low} or less`;
      byId("high").textContent = `${high} or more`;
      const unknown = kind.values.filter(Number.isNaN).length;
      byId("unknown").hidden = !unknown;
      byId("unknown").lastElementChild.textContent = number(unknown);
    }
    toggle(kind, [], true);
  }

  function relabel(index, group) {
    classes.values[index] = group;
    paint(coloring);
    show(current);
  }

  // Tables: of what is counted, and of labels.

  function saveTable(name, table) {
    const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const text = table.map((row) => `${row.map(quote).join(",")}\r\n`).join("");
    const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  }

  byId("export").onclick = () => {
    const rows = [...listCounted()].map((index) => [
      is_training[index] ? "train" : "test",
      String(numbers[index]),
      ...known.files.slice(index, index + 1),
      ...kinds.map((kind) => (isKnown(kind, index) ? textOf(kind, index) : "")),
    ]);
    const heads = ["split", "index", ...(known.files.length ? ["file"] : [])];
    saveTable("images.csv", [[...heads, ...kinds.map(({ name }) => name)], ...rows]);
  };

  // The menu, and what finds attributes in it where there are many.

  const [menu, find] = [byId("coloring"), byId("find")];

  function offer() {
    const fits = ({ name }) => name.toLowerCase().includes(find.value.trim().toLowerCase());
    const found = attributes.filter(fits);
    const add = (parent, kind) =>
      added(parent, "option", { value: kinds.indexOf(kind), textContent: kind.name });
    menu.replaceChildren();
    kinds.slice(0, known.own).forEach((kind) => add(menu, kind));
    if (attributes.length) {
      const group = added(menu, "optgroup", { label: "attributes" });
      attributes.filter((kind) => kind === coloring || fits(kind)).forEach((kind) => add(group, kind));
    }
    menu.value = kinds.indexOf(coloring);
    return found;
  }

  function choose(kind) {
    paint(kind);
    show(current);
  }

  menu.onchange = () => choose(kinds[menu.value]);
  find.hidden = attributes.length <= MANY;
  find.oninput = offer;
  find.onkeydown = ({ key }) => {
    const [first] = offer();
    if (key === "Enter" && first) {
      choose(first);
      offer();
    }
  };
  const stops = known.ramp.map(css).join(", ");
  byId("ramp").style.background = `linear-gradient(to right, ${stops})`;
  byId("unknown").style.setProperty("--color", css(GREY));

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
    button.onclick = () => {
      const on = button.dataset.on !== "";
      const kind = coloring.switches && coloring.lines ? coloring : classes;
      kinds.filter(({ off }) => on && off.size).forEach(({ off }) => off.clear());
      toggle(kind, [...kind.lines.keys()], on);
    };
  });

  const tip = byId("tip");
  let pointed = null; // where the pointer is on a map

  function tap(space, event) {
    const found = nearest(space, event);
    if (found === null) {
      source.selected.indices = [];
      show(current, false);
    } else {
      show(found, true);
      tabs.take(found);
    }
  }

  function showTip(space, { sx, sy }, words) {
    const frame = document.querySelector(`#${space}`);
    frame.append(tip);
    tip.lastElementChild.textContent = words;
    tip.style.translate = `${sx}px ${sy}px`;
    tip.classList.toggle("left", sx > frame.clientWidth / 2);
    tip.hidden = false;
  }

  explorer = {
    tally,
    tap,
    doubletap: tap, // two quick ones are still two
    rangesupdate: mark,
    reset: mark,
    mousemove(space, event) {
      const found = nearest(space, event, live ? ON_POINT : REACH);
      pointed = event;
      if (found !== null) {
        cut(tip.firstElementChild, found);
        showTip(space, event, captionOf(found));
        if (!held && found !== current) {
          show(found);
        }
      } else if (live) {
        live.between(space, event, (picture) => {
          if (pointed === event) {
            const [canvas, { width, height }] = [tip.firstElementChild, picture];
            Object.assign(canvas, { width, height }).getContext("2d").putImageData(picture, 0, 0);
            showTip(space, event, "drawn by the model");
          }
        });
      } else {
        tip.hidden = true;
      }
    },
    mouseleave() {
      pointed = null;
      tip.hidden = true;
    },
  };

  // The model, where the page has it.

  function giveUp(reason) {
    live = null;
    tabs.offer(["image", "check"]);
    byId("still").textContent = `The model does not run on this page: ${reason}.`;
  }

  const tabs = makeTabs(() => live?.redraw());
  const shared = { added, callOf, cut, isTraining: is_training, numbers, show, tabs };
  shared.current = () => current;
  const ofLabels = { classes, held: () => held, latent: neighbors.latent, relabel, saveTable };
  tabs.panels.check = makeCheck({ ...shared, ...ofLabels });
  if (known.live.networks) {
    const more = { around, captionOf, coordinates, giveUp, labels: classes.values, plots, shareOf };
    live = startLive({ ...shared, ...more });
    Object.assign(explorer, { live, nameOf: (index) => textOf(classes, index) });
  } else {
    giveUp(known.live.unavailable);
  }

  paint(classes);
  offer();
  sheet.decode().then(() => {
    show(0);
    document.body.classList.add("ready");
  });
}
