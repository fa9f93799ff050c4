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
    switches: kind.switches || place >= known.own,
    isAttribute: place >= known.own,
  }));
  const [classes, attributes] = [kinds[0], kinds.slice(known.own)];
  let coloring = classes;
  let current = 0; // the image in the details
  let held = false; // whether it stays while the pointer moves
  let live = null; // the models at work, where they can be
  let fits = () => true; // what an image has to be so as to be shown

  const isPair = known.models.length > 1;
  document.body.classList.toggle("two", isPair);
  const tabs = makeTabs(() => live?.redraw());

  const css = (color) => `#${(color >>> 8).toString(16).padStart(6, "0")}`;
  // A group that is unknown is one more than there are; a number that is unknown is NaN.
  const isKnown = ({ values, names }, index) => values[index] < (names?.length ?? Infinity);
  const callOf = (index) => `${is_training[index] ? "training" : "test"} image #${numbers[index]}`;
  const number = (value) => value.toLocaleString("en");

  function write(kind, value, decimals = 5) {
    if (!kind.isAttribute) {
      return `${kind.ramp && value > 0 ? "+" : ""}${value.toFixed(decimals)}`;
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

  // Pictures: originals come first in the sheet, then as many reconstructions, model by model.

  function cornerOf(picture) {
    const [height, width] = known.tile;
    return [(picture % known.columns) * width, Math.floor(picture / known.columns) * height];
  }

  function cut(canvas, picture) {
    const [height, width] = known.tile;
    Object.assign(canvas, { width, height });
    const area = [...cornerOf(picture), width, height];
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
    const backs = known.models.filter(({ back }) => back);
    backs.forEach(({ letter }, place) => cut(byId(`reconstruction${letter}`), (place + 1) * count + index));
    const rows = [
      ["image", callOf(index)],
      ...kinds.slice(0, known.own).filter(({ untold }) => !untold).map((kind) => [kind.name, textOf(kind, index)]),
      ...(is_training[index] || isPair ? [] : [["flag", `--from ${numbers[index]}`]]),
    ];
    byId("facts").replaceChildren();
    for (const [term, text] of rows) {
      added(byId("facts"), "dt", { textContent: term });
      added(byId("facts"), "dd", { textContent: text, title: text });
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

  function move(space) {
    mark();
    images.move(space);
  }

  const images = makeMapImages({
    ...{ plots, coordinates, shareOf, cornerOf },
    colorOf: (index) => css(source.data.color[index]),
    isShown: (index) => shown.booleans[index],
    selected: () => new Set(source.selected.indices),
  });

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
      kind.list.id = kind === classes ? "classes" : kind.name.replaceAll(" ", "-");
      kind.list.className = kind === classes ? "" : "group";
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
    showFitting();
  }

  // What is shown: what no group that is off holds, and every condition fits.

  function showFitting() {
    const switched = kinds.filter((kind) => kind.off.size);
    shown.booleans = Array.from(
      { length: count },
      (_, index) => switched.every((kind) => !kind.off.has(kind.values[index])) && fits(index),
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
    tabs.panels[tabs.shown()]?.tally?.();
    byId("total").textContent = selected.length
      ? `${number(selected.length)} of ${number(count)} selected`
      : counted.length < count
        ? `${number(counted.length)} of ${number(count)} images`
        : `${number(count)} images`;
    images.redraw();
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
    const { values, colors, ends, ramp = known.ramp } = kind;
    if (colors || !isKnown(kind, index)) {
      return colors?.[values[index]] ?? GREY;
    }
    const share = (values[index] - ends[0]) / (ends[1] - ends[0] || 1);
    const step = Math.round(share * (ramp.length - 1));
    return ramp[Math.min(Math.max(step, 0), ramp.length - 1)];
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
      byId("measured").textContent = kind.about ?? kind.name;
      const stops = (kind.ramp ?? known.ramp).map(css).join(", ");
      byId("ramp").style.background = `linear-gradient(to right, ${stops})`;
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

  // What is counted is taken out: as a table, as a list, as a command that copies its files.

  byId("table").onclick = () => {
    const rows = [...listCounted()].map((index) => [
      is_training[index] ? "train" : "test",
      String(numbers[index]),
      ...known.files.slice(index, index + 1),
      ...kinds.map((kind) => (isKnown(kind, index) ? textOf(kind, index) : "")),
    ]);
    const heads = ["split", "index", ...(known.files.length ? ["file"] : [])];
    saveFile("images.csv", toCsv([[...heads, ...kinds.map(({ name }) => name)], ...rows]), "text/csv");
  };
  byId("list").onclick = () => {
    const tests = [...listCounted()].filter((index) => !is_training[index]);
    saveFile("images.txt", tests.map((index) => `${numbers[index]}\n`).join(""));
  };
  byId("files").hidden = !known.folder;
  byId("files").onclick = () => {
    byId("command").value = makeCopying(known.folder, [...listCounted()].map((index) => known.files[index]));
    byId("copying").showModal();
    byId("command").select();
  };
  byId("copy").onclick = async () => {
    byId("command").select();
    const copied = await navigator.clipboard?.writeText(byId("command").value).then(() => true, () => false);
    byId("copied").textContent = copied ? "copied" : "press Ctrl C or ⌘ C";
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

  // Conditions on what is known.

  const columns = [
    ...(new Set(is_training).size > 1 ? [{ name: "split", names: ["test", "training"], textOf: (index) => (is_training[index] ? "training" : "test") }] : []),
    { name: "index", textOf: (index) => numbers[index], ranges: true },
    ...(known.files.length ? [{ name: "file", textOf: (index) => known.files[index] }] : []),
    ...kinds.map((kind) => ({
      name: kind.name,
      names: kind.names,
      textOf: (index) => textOf(kind, index),
      ...(kind.ends && { amountOf: (index) => kind.values[index] }),
    })),
  ];
  fits = makeFilters({ added, columns, onChange: showFitting });

  const tip = byId("tip");
  let pointed = null; // where the pointer is on a map

  function tap(space, event) {
    const found = nearest(space, event, Math.max(REACH, images.sideOf(space) / 2));
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
    move,
    mousemove(space, event) {
      const drawn = live?.drawerOf(space);
      const within = Math.max(drawn ? ON_POINT : REACH, images.sideOf(space) / 2);
      const found = nearest(space, event, within);
      pointed = event;
      if (found !== null) {
        cut(tip.firstElementChild, found);
        showTip(space, event, captionOf(found));
        if (!held && found !== current) {
          show(found);
        }
      } else if (drawn) {
        drawn.draw(around(space, event, BETWEEN), (picture) => {
          if (pointed === event) {
            const [canvas, { width, height }] = [tip.firstElementChild, picture];
            Object.assign(canvas, { width, height }).getContext("2d").putImageData(picture, 0, 0);
            showTip(space, event, `drawn by ${drawn.letter || "the model"}`);
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

  // The models, where the page has them.

  const shared = { added, callOf, captionOf, coordinates, cut, numbers, plots, tabs };
  Object.assign(shared, { current: () => current, isTraining: is_training, show });
  const nearInCodes = Object.values(neighbors).at(isPair ? 0 : -1);
  tabs.panels.check = makeCheck({ ...shared, classes, held: () => held, nearInCodes, relabel });
  live = startLive({ ...shared, labels: classes.values, shareOf });
  Object.assign(explorer, { live, nameOf: (index) => textOf(classes, index) });
  tabs.offer(["check"]);
  const errors = kinds.filter(({ isError }) => isError).map(({ values }) => values);
  if (errors.length > 1) {
    tabs.panels.differences = makeDifferences({ ...shared, count, listCounted, errors });
    tabs.offer(["differences"]);
  }

  paint(classes);
  offer();
  sheet.decode().then(() => {
    show(0);
    document.body.classList.add("ready");
  });
}
