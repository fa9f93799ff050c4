// The model at work: between images, from one to another, with knobs, in sums, on a drawing. A
// worker runs it; here is what a person sees and touches. `page` is what `explore` shares.

const SHOWN_FRAMES = 17; // of a strip
const BETWEEN = 6; // images on a map between which the model draws
const PEN = 0.1; // of the side of the pad
const PAD = 280; // pixels a side
const NUDGES = 40; // steps of an arrow key from side to side of the pad
const FRAME_MS = 70;

function startLive(page) {
  const facts = known.live;
  const [height, width, channels] = facts.shape;
  const near = facts.place;

  // The worker: a question, an answer. Of questions under the pointer only the last one counts.

  const source = new Blob([byId("worker").textContent], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(source));
  const waiting = new Map();
  let asked = 0;
  worker.onmessage = ({ data: { number, failed, ...answer } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    failed ? reject(new Error(failed)) : resolve(answer);
  };
  const ask = (what, more) =>
    new Promise((resolve, reject) => {
      waiting.set(++asked, { resolve, reject });
      worker.postMessage({ number: asked, ask: what, ...more });
    });

  function makeLatest(show) {
    let [busy, next] = [false, null];
    return async function latest(what, more) {
      next = [what, more];
      while (!busy && next) {
        const question = next;
        [busy, next] = [true, null];
        const answer = await ask(...question);
        busy = false;
        if (!next) {
          show(answer, question[1]);
        }
      }
    };
  }

  // Pictures.

  const pictureOf = ({ pictures }, frame = 0) => {
    const size = 4 * height * width;
    return new ImageData(pictures.slice(frame * size, (frame + 1) * size), width, height);
  };

  function put(canvas, picture) {
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  function showSubject(canvas, subject) {
    subject.picture ? put(canvas, subject.picture) : page.cut(canvas, subject.index);
  }

  // What an image is called: on the page, and where the program can be asked for it.

  const callOf = (subject) => subject.name ?? page.callOf(subject.index);
  const termOf = ({ index, file }) =>
    file ?? (index === undefined || page.isTraining[index] ? null : String(page.numbers[index]));
  const partOf = ({ index, code }, weight = 1) => ({ index, code, weight });

  function findNumber(text) {
    return page.numbers.findIndex(
      (number, index) => number === Number(text) && !page.isTraining[index] && text.trim() !== "",
    );
  }

  // Slots hold images: by a click on a map into the slot that is armed, or by their number.

  let drawing = null; // what was drawn or opened, as an image among others

  function makeSlots(panel, letters, onChange, signs = {}) {
    const room = panel.querySelector(".slots");
    const filled = {};
    let armed = letters[0];

    function arm(letter) {
      armed = letter;
      letters.forEach((each) => slots[each].button.setAttribute("aria-pressed", each === letter));
    }

    function fill(subject, letter = armed) {
      filled[letter] = subject;
      const { button, canvas, input } = slots[letter];
      button.title = subject ? callOf(subject) : "empty";
      input.value = subject ? (termOf(subject) ?? "") : "";
      input.removeAttribute("aria-invalid");
      if (subject) {
        showSubject(canvas, subject);
      } else {
        Object.assign(canvas, { width, height });
      }
      onChange(filled);
    }

    const slots = Object.fromEntries(
      letters.map((letter, place) => {
        const slot = page.added(room, "div", { className: "slot" });
        const button = page.added(slot, "button", { type: "button" });
        button.ariaLabel = letter ? `Choose ${letter} on a map` : "Choose an image on a map";
        const canvas = page.added(button, "canvas", { width, height });
        const label = page.added(slot, "label", { textContent: signs[letter] ?? letter });
        const input = page.added(label, "input", { placeholder: "#", inputMode: "numeric" });
        input.ariaLabel = `Number of the test image${letter && ` ${letter}`}`;
        input.onchange = () => {
          const index = findNumber(input.value);
          if (index < 0 && input.value !== "") {
            input.setAttribute("aria-invalid", true);
          } else {
            fill(index < 0 ? null : { index }, letter);
          }
        };
        button.onclick = () => arm(letter);
        return [letter, { button, canvas, input, place }];
      }),
    );
    const own = page.added(room, "button", { type: "button", className: "own", textContent: "my drawing" });
    own.hidden = true;
    const next = () => arm(letters[(letters.indexOf(armed) + 1) % letters.length]);
    own.onclick = () => {
      fill(drawing);
      next();
    };
    arm(letters[0]);
    return {
      filled,
      fill,
      offerDrawing: () => (own.hidden = false),
      take(index) {
        fill({ index });
        next();
      },
    };
  }

  // Real images that are nearest to what was made.

  function showFound(panel, indices) {
    const room = panel.querySelector(".found");
    room.replaceChildren();
    for (const index of indices.slice(0, known.nearest)) {
      const button = page.added(room, "button", { type: "button", title: page.callOf(index) });
      page.cut(page.added(button, "canvas"), index);
      page.added(button, "span", { textContent: page.captionOf(index) });
      button.onclick = () => page.show(index, true);
    }
  }

  // Lines and marks over both maps, in the places of the images that are nearest.

  const median = (values) => {
    const sorted = Float64Array.from(values).sort();
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  };
  const placeOf = (space, indices) =>
    ["x", "y"].map((axis) => median(indices.map((index) => page.coordinates(space)[axis][index])));
  const overlays = Object.fromEntries(
    Object.keys(page.plots).map((space) => {
      const overlay = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      overlay.setAttribute("viewBox", "0 0 100 100");
      overlay.classList.add("traces");
      document.querySelector(`#${space}`).append(overlay);
      return [space, overlay];
    }),
  );
  let traces = { lines: [], marks: [] };

  function trace(lines = [], marks = []) {
    traces = { lines, marks };
    redraw();
  }

  function redraw() {
    for (const [space, overlay] of Object.entries(overlays)) {
      const draw = (kind, properties) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
        Object.entries(properties).forEach(([name, value]) => element.setAttribute(name, value));
        overlay.append(element);
        return element;
      };
      overlay.replaceChildren();
      for (const { places, chosen } of traces.lines) {
        const points = places.map((indices) => page.shareOf(space, placeOf(space, indices)));
        const list = points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
        draw("polyline", { points: list, class: "halo" });
        draw("polyline", { points: list, class: chosen ? "chosen" : "other" });
      }
      for (const { places, letter } of traces.marks) {
        const [cx, cy] = page.shareOf(space, placeOf(space, places));
        draw("circle", { cx, cy, r: letter ? 2.6 : 1.4 });
        draw("text", { x: cx, y: cy + 1.2 }).textContent = letter;
      }
    }
  }

  // What to type for the same.

  const quote = (text) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const say = (panel, text) => (panel.querySelector("code").textContent = text);

  function expressionOf(terms) {
    if (terms.some(([, term]) => term === null || /\s/.test(term.replace(/^".*"$/, "")))) {
      return "training images, drawings and file names with spaces are no terms of --expression";
    }
    const sum = terms.map(([amount, term], at) => {
      const size = Math.abs(amount) === 1 ? "" : `${Math.abs(amount)}*`;
      const sign = amount < 0 ? "- " : at ? "+ " : "";
      return `${sign}${size}${term}`;
    });
    return `--arithmetic --expression '${sum.join(" ").replaceAll("'", "'\\''")}'`;
  }

  const nameOf = ({ name }) => (/^[A-Za-z][\w:=]*$/.test(name) ? name : `"${name}"`);

  // From A to B.

  const walk = byId("walk");
  let walks = {}; // by path, as they were answered
  const chosenPath = () => walks[byId("path").value];

  const askWalk = async ({ A, B }) => {
    walks = {};
    if (!A || !B) {
      say(walk, "Click an image on a map for A, then one for B.");
      return drawWalk();
    }
    const ends = { first: partOf(A), last: partOf(B), near };
    const paths = facts.terrain ? ["data", "linear"] : ["linear"];
    const found = await Promise.all(paths.map((path) => ask("walk", { ...ends, path })));
    if (pins.filled.A === A && pins.filled.B === B) {
      walks = Object.fromEntries(paths.map((path, at) => [path, found[at]]));
      drawWalk();
    }
  };

  function drawWalk() {
    const answer = chosenPath();
    const strip = byId("strip");
    const count = Math.min(facts.frames, SHOWN_FRAMES);
    Object.assign(strip, { width: count * width, height });
    for (const id of ["play", "step", "save"]) {
      byId(id).disabled = !answer;
    }
    if (!answer) {
      trace();
      return put(byId("walked"), new ImageData(width, height));
    }
    for (let at = 0; at < count; at++) {
      const frame = Math.round((at * (facts.frames - 1)) / (count - 1));
      strip.getContext("2d").putImageData(pictureOf(answer, frame), at * width, 0);
    }
    const ends = [pins.filled.A, pins.filled.B].map(termOf);
    const [from, to] = ends.map((end) => end && quote(end));
    const flags = `--interpolation --from ${from} --to ${to} --path ${byId("path").value}`;
    say(walk, ends.includes(null) ? "training images and drawings have no number that --from takes" : flags);
    drawStep();
  }

  function drawStep() {
    const answer = chosenPath();
    if (!answer) {
      return;
    }
    const frame = Number(byId("step").value);
    put(byId("walked"), pictureOf(answer, frame));
    walk.querySelector("figcaption").textContent = `step ${frame + 1} of ${facts.frames}`;
    const chosen = byId("path").value;
    const [A, B] = ["A", "B"].map((end) => pins.filled[end].index);
    const whole = ({ near }) => [
      A === undefined ? near[0] : [A],
      ...near.slice(1, -1),
      B === undefined ? near.at(-1) : [B],
    ];
    const order = Object.entries(walks).sort(([path]) => (path === chosen ? 1 : -1));
    const lines = order.map(([path, walk]) => ({ places: whole(walk), chosen: path === chosen }));
    const places = whole(answer);
    trace(lines, [
      { places: places[0], letter: "A" },
      { places: places.at(-1), letter: "B" },
      { places: places[frame], letter: "" },
    ]);
  }

  const pins = makeSlots(walk, ["A", "B"], askWalk);
  Object.assign(byId("step"), { max: facts.frames - 1, oninput: drawStep });
  byId("path").value = facts.terrain ? "data" : "linear";
  byId("path").disabled = !facts.terrain;
  byId("path").onchange = drawWalk;
  byId("save").onclick = () => {
    const name = `walk-${["A", "B"].map((end) => callOf(pins.filled[end]).replace(/\W+/g, "-")).join("-to-")}`;
    Object.assign(document.createElement("a"), {
      href: byId("strip").toDataURL(),
      download: `${name}.png`,
    }).click();
  };
  let playing = 0;

  function play() {
    const step = byId("step");
    let forward = Number(step.value) < facts.frames - 1 ? 1 : -1;
    playing = setInterval(() => {
      step.value = Number(step.value) + forward;
      if (step.value === step.max || step.value === step.min) {
        forward = step.value === step.max ? -1 : 1;
      }
      drawStep();
    }, FRAME_MS);
    byId("play").textContent = "Pause";
  }

  function pause() {
    clearInterval(playing);
    playing = 0;
    byId("play").textContent = "Play";
  }

  byId("play").onclick = () => (playing ? pause() : play());

  // Knobs.

  const change = byId("change");
  const knobs = facts.knobs.map((knob, place) => ({ ...knob, place }));
  const turned = () =>
    knobs.flatMap(({ slider, place }) => (Number(slider.value) ? [{ knob: place, amount: Number(slider.value) }] : []));
  const hasIt = (knob, { index }) => (index === undefined ? "?" : (knob.has?.[index] ?? "?"));

  const showChange = makeLatest((answer) => {
    put(byId("changed"), pictureOf(answer));
    trace([], [{ places: answer.near[0], letter: "" }]);
  });

  function turn() {
    const { "": subject } = base.filled;
    if (!subject) {
      return say(change, "Click an image on a map.");
    }
    showChange("make", { parts: [partOf(subject)], turned: turned(), near });
    const terms = turned().map(({ knob, amount }) => [amount, nameOf(knobs[knob])]);
    say(change, expressionOf([[1, termOf(subject)], ...terms]));
  }

  function reset() {
    const { "": subject } = base.filled;
    for (const knob of knobs) {
      // What is there already can be taken off only, what is not there put on only.
      const has = knob.kind === "attribute" && subject ? hasIt(knob, subject) : "?";
      const most = knob.kind === "attribute" ? 1 : 3;
      Object.assign(knob.slider, { min: has === "0" ? 0 : -most, max: has === "1" ? 0 : most });
      knob.slider.value = 0;
      knob.output.textContent = "0";
    }
    turn();
  }

  const groups = Map.groupBy
    ? Map.groupBy(knobs, ({ group }) => group)
    : knobs.reduce((map, knob) => map.set(knob.group, [...(map.get(knob.group) ?? []), knob]), new Map());
  for (const [group, members] of groups) {
    const set = page.added(byId("knobs"), "fieldset");
    page.added(set, "legend", { textContent: group });
    for (const knob of members) {
      const label = page.added(set, "label");
      page.added(label, "span", { textContent: knob.about, title: knob.about });
      knob.slider = page.added(label, "input", { type: "range", step: 0.05 });
      knob.output = page.added(label, "output");
      knob.slider.oninput = () => {
        knob.output.textContent = knob.slider.value;
        turn();
      };
    }
  }
  if (facts.unmoved) {
    page.added(byId("knobs"), "p", { textContent: `no attributes: ${facts.unmoved}` });
  }
  const base = makeSlots(change, [""], reset);
  byId("back").onclick = reset;

  // A - B + C.

  const calculate = byId("calculate");
  const factors = { A: 1, B: -1, C: 1 };
  const addable = knobs.filter(({ group }) => group === "attributes");
  const showSum = makeLatest((answer) => {
    put(byId("result"), pictureOf(answer));
    showFound(calculate, answer.near[0]);
    trace([], [{ places: answer.near[0], letter: "=" }]);
  });

  function sum() {
    const used = Object.entries(factors).filter(([letter]) => tray.filled[letter]);
    if (!tray.filled.A) {
      return say(calculate, "Click images on a map for A, B and C; B and C may stay empty.");
    }
    const [knob, amount] = [byId("added").value, Number(byId("amount").value)];
    const more = knob !== "" && amount ? [{ knob: Number(knob), amount }] : [];
    const parts = used.map(([letter, sign]) => partOf(tray.filled[letter], sign));
    showSum("make", { parts, turned: more, near });
    const terms = used.map(([letter, sign]) => [sign, termOf(tray.filled[letter])]);
    terms.push(...more.map(() => [amount, nameOf(knobs[knob])]));
    say(calculate, expressionOf(terms));
    calculate.querySelector("figcaption").textContent = used
      .map(([letter, sign], at) => `${sign < 0 ? "− " : at ? "+ " : ""}${letter}`)
      .join(" ");
  }

  page.added(byId("added"), "option", { value: "", textContent: "nothing" });
  addable.forEach(({ place, about }) =>
    page.added(byId("added"), "option", { value: place, textContent: about }),
  );
  byId("added").disabled = byId("amount").disabled = !addable.length;
  byId("added").onchange = byId("amount").oninput = sum;
  const tray = makeSlots(calculate, ["A", "B", "C"], sum, { B: "− B", C: "+ C" });
  byId("clear").onclick = () => {
    ["A", "B", "C"].forEach((letter) => tray.fill(null, letter));
    put(byId("result"), new ImageData(width, height));
    showFound(calculate, []);
    trace();
  };

  // A drawing, or a file.

  const draw = byId("draw");
  const pad = Object.assign(byId("pad"), {
    width: Math.round(PAD * Math.min(1, width / height)),
    height: Math.round(PAD * Math.min(1, height / width)),
  });
  const paper = pad.getContext("2d", { willReadFrequently: true });
  byId("ink").hidden = channels === 1;
  let pen = null; // where it is
  let cursor = { x: pad.width / 2, y: pad.height / 2, down: false };

  const showDrawn = makeLatest((answer, { image, file }) => {
    put(byId("redrawn"), pictureOf(answer));
    const [low, high] = facts.usual;
    const word = answer.error > high ? "more than" : answer.error < low ? "less than" : "as";
    byId("judged").textContent =
      `squared error ${answer.error.toFixed(5)}, ${word} usual: ` +
      `nine of ten images here have ${low.toFixed(5)} to ${high.toFixed(5)}`;
    showFound(draw, answer.near[0]);
    trace([], [{ places: answer.near[0], letter: "✎" }]);
    const picture = new ImageData(toPicture(image), width, height);
    drawing = { code: answer.codes, near: answer.near[0], picture, name: file ?? "my drawing", file };
    [pins, base, tray].forEach((slots) => slots.offerDrawing());
  });

  function toPicture(image) {
    const picture = new Uint8ClampedArray(4 * height * width).fill(255);
    for (let at = 0; at < height * width; at++) {
      for (let channel = 0; channel < 3; channel++) {
        picture[4 * at + channel] = 255 * image[at * channels + (channels === 3 ? channel : 0)];
      }
    }
    return picture;
  }

  function place(canvas, file) {
    const image = fitPicture(canvas, facts);
    put(byId("taken"), new ImageData(toPicture(image), width, height));
    showDrawn("encode", { image, near, file });
  }

  function wipe() {
    drawing = null;
    paper.fillStyle = "#000";
    paper.fillRect(0, 0, pad.width, pad.height);
    put(byId("taken"), new ImageData(width, height));
    put(byId("redrawn"), new ImageData(width, height));
    byId("judged").textContent = "Draw, open an image, or drop one here.";
    showFound(draw, []);
    trace();
  }

  function stroke(from, to) {
    Object.assign(paper, {
      strokeStyle: channels === 1 ? "#fff" : byId("ink").value,
      lineWidth: PEN * Math.max(pad.width, pad.height),
      lineCap: "round",
    });
    paper.beginPath();
    paper.moveTo(from.x, from.y);
    paper.lineTo(to.x, to.y);
    paper.stroke();
  }

  const pointOf = ({ offsetX, offsetY }) => ({
    x: (offsetX * pad.width) / pad.clientWidth,
    y: (offsetY * pad.height) / pad.clientHeight,
  });
  pad.onpointerdown = (event) => {
    pad.setPointerCapture(event.pointerId);
    pen = pointOf(event);
    stroke(pen, pen);
  };
  pad.onpointermove = (event) => {
    if (pen) {
      const next = pointOf(event);
      stroke(pen, next);
      pen = next;
    }
  };
  pad.onpointerup = pad.onpointercancel = () => {
    if (pen) {
      pen = null;
      place(pad);
    }
  };
  pad.onkeydown = (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === " ") {
      cursor.down = !cursor.down;
    } else if (!ways[event.key]) {
      return;
    }
    event.preventDefault();
    const [x, y] = ways[event.key] ?? [0, 0];
    const next = {
      x: Math.min(Math.max(cursor.x + (x * pad.width) / NUDGES, 0), pad.width),
      y: Math.min(Math.max(cursor.y + (y * pad.height) / NUDGES, 0), pad.height),
      down: cursor.down,
    };
    if (cursor.down) {
      stroke(cursor, next);
      place(pad);
    }
    cursor = next;
  };

  async function open(file) {
    try {
      const bitmap = await createImageBitmap(file);
      const canvas = document.createElement("canvas");
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      wipe();
      const scale = Math.min(pad.width / bitmap.width, pad.height / bitmap.height);
      const [w, h] = [bitmap.width * scale, bitmap.height * scale];
      paper.drawImage(bitmap, (pad.width - w) / 2, (pad.height - h) / 2, w, h);
      place(canvas, file.name);
    } catch {
      byId("judged").textContent = `${file.name} is no image that this browser reads`;
    }
  }

  byId("wipe").onclick = wipe;
  byId("trace").onclick = () => {
    const canvas = document.createElement("canvas");
    page.cut(canvas, page.current());
    paper.imageSmoothingEnabled = false;
    paper.drawImage(canvas, 0, 0, pad.width, pad.height);
    place(pad);
  };
  byId("file").onchange = ({ target }) => {
    [...target.files].slice(0, 1).forEach(open);
    target.value = "";
  };
  draw.ondragover = (event) => event.preventDefault();
  draw.ondrop = (event) => {
    event.preventDefault();
    [...event.dataTransfer.files].slice(0, 1).forEach(open);
  };

  // Panels: one is shown, and a click on a map does what it needs.

  const tabs = [...document.querySelectorAll("[data-panel]")];
  const onTake = { walk: pins.take, change: base.take, calculate: tray.take };
  let shown = "image";

  function choosePanel(name) {
    shown = name;
    pause();
    trace();
    for (const tab of tabs) {
      const isChosen = tab.dataset.panel === name;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      byId(tab.dataset.panel).hidden = !isChosen;
    }
    if (name === "walk") {
      drawWalk();
    } else if (name === "change" && !base.filled[""]) {
      base.take(page.current());
    }
  }

  tabs.forEach((tab, place) => {
    tab.onclick = () => choosePanel(tab.dataset.panel);
    tab.onkeydown = ({ key }) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
      if (way) {
        const next = tabs[(place + way + tabs.length) % tabs.length];
        choosePanel(next.dataset.panel);
        next.focus();
      }
    };
  });

  let betweenShown = null;
  const showBetween = makeLatest((answer) => betweenShown(pictureOf(answer)));
  ask("start", { facts, data: byId("model").textContent, labels: page.labels }).then(
    () => {
      byId("tabs").hidden = false;
      wipe();
      put(byId("changed"), new ImageData(width, height));
      put(byId("result"), new ImageData(width, height));
      askWalk({});
      sum();
      choosePanel("image");
      document.body.classList.add("live");
    },
    (error) => page.giveUp(`this browser can't run the model: ${error.message}`),
  );

  return {
    ask,
    redraw,
    drawn: () => drawing,
    take: (index) => onTake[shown]?.(index),
    // What the model draws between images on a map; `then` gets the picture.
    between(space, point, then) {
      betweenShown = then;
      showBetween("make", { parts: page.around(space, point, BETWEEN), near: 0 });
    },
  };
}
