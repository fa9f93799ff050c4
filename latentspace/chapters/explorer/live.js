// The models at work, each in a worker of its own; what its panels share; and which one they are for.
// `page` is what `explore` shares.

const BETWEEN = 6; // images on a map between which a model draws
const WORKING = ["walk", "change", "calculate", "draw"]; // panels that need a model

// A model in its worker, which starts with the first question: a question, an answer.

function makeEngine(facts, place, labels, onFail) {
  const waiting = new Map();
  let [asked, worker, started] = [0, null, null];
  const send = (what, more) =>
    new Promise((resolve, reject) => {
      waiting.set(++asked, { resolve, reject });
      worker.postMessage({ number: asked, ask: what, ...more });
    });

  function start() {
    const source = new Blob([byId("worker").textContent], { type: "text/javascript" });
    worker = new Worker(URL.createObjectURL(source));
    worker.onmessage = ({ data: { number, failed, ...answer } }) => {
      const { resolve, reject } = waiting.get(number);
      waiting.delete(number);
      failed ? reject(new Error(failed)) : resolve(answer);
    };
    return new Promise((resolve) => {
      const fail = ({ message }) => onFail(`this browser can't run the model (${message})`);
      worker.onerror = fail;
      send("start", { facts, data: byId(`model${place}`).textContent, labels }).then(resolve, fail);
    });
  }

  return async function ask(what, more) {
    await (started ??= start());
    return what ? send(what, more) : null;
  };
}

// Of questions under the pointer only the last one counts.

function makeLatest(ask, show) {
  let [busy, next] = [false, null];
  return async function latest(what, more) {
    next = [what, more];
    while (!busy && next) {
      const question = next;
      [busy, next] = [true, null];
      const answer = await ask(...question).finally(() => (busy = false));
      if (!next) {
        show(answer, question[1]);
      }
    }
  };
}

function startLive(page) {
  const { tabs } = page;
  const models = known.models.map(({ letter, run, live: facts }, place) => {
    const model = { letter, facts, title: letter ? `Model ${letter} (${run})` : "The model" };
    model.button = page.added(byId("models"), "button", { type: "button", textContent: `${letter}: ${run}` });
    model.button.onclick = () => model === chosen || choose(model);
    model.ask = makeEngine(facts, place, page.labels, (why) => giveUp(model, why));
    model.between = makeLatest(model.ask, (answer) => model.then(pictureOf(answer)));
    return model;
  });
  const isPair = models.length > 1;
  const [height, width] = models.find(({ facts }) => facts.shape)?.facts.shape ?? [1, 1];
  let chosen = null; // the model that the panels are for

  function giveUp(model, why) {
    Object.assign(model, { why }).button.disabled = true;
    byId("still").textContent = models
      .filter(({ why }) => why)
      .map(({ title, why }) => `${title} does not run on this page: ${why}.`)
      .join(" ");
    if (model === chosen) {
      const other = models.find(({ why }) => !why);
      other ? choose(other) : tabs.offer(WORKING, false);
    }
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

  const clear = (canvas) => put(canvas, new ImageData(width, height));

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
  let offers = []; // buttons that take it
  let trays = {}; // slots by panel
  // Beside models A and B images are 1, 2 and 3.
  const tell = (letter) => (isPair ? (({ A: "1", B: "2", C: "3" })[letter] ?? letter) : letter);

  function makeSlots(panel, letters, onChange, signs = {}) {
    const room = panel.querySelector(".slots");
    const filled = {};
    room.replaceChildren();
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
      letters.map((letter) => {
        const slot = page.added(room, "div", { className: "slot" });
        const button = page.added(slot, "button", { type: "button" });
        button.ariaLabel = letter ? `Choose ${tell(letter)} on a map` : "Choose an image on a map";
        const canvas = page.added(button, "canvas", { width, height });
        const label = page.added(slot, "label", { textContent: `${signs[letter] ?? ""}${tell(letter)}` });
        const input = page.added(label, "input", { placeholder: "#", inputMode: "numeric" });
        input.ariaLabel = `Number of the test image${letter && ` ${tell(letter)}`}`;
        input.onchange = () => {
          const index = findNumber(input.value);
          if (index < 0 && input.value !== "") {
            input.setAttribute("aria-invalid", true);
          } else {
            fill(index < 0 ? null : { index }, letter);
          }
        };
        button.onclick = () => arm(letter);
        return [letter, { button, canvas, input }];
      }),
    );
    const own = page.added(room, "button", { type: "button", className: "own", textContent: "my drawing" });
    own.hidden = true;
    offers.push(own);
    const next = () => arm(letters[(letters.indexOf(armed) + 1) % letters.length]);
    own.onclick = () => {
      fill(drawing);
      next();
    };
    arm(letters[0]);
    trays[panel.id] = { filled, fill };
    return {
      filled,
      fill,
      take(index) {
        fill({ index });
        next();
      },
    };
  }

  function keepDrawing(subject) {
    drawing = subject;
    offers.forEach((button) => (button.hidden = !drawing));
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
  let traces = {}; // by panel

  function trace(panel, lines = [], marks = []) {
    traces[panel.id] = { lines, marks };
    redraw();
  }

  function redraw() {
    byId("models").hidden = !isPair || !WORKING.includes(tabs.shown());
    const { lines, marks } = traces[tabs.shown()] ?? { lines: [], marks: [] };
    for (const [space, overlay] of Object.entries(overlays)) {
      const draw = (kind, properties) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
        Object.entries(properties).forEach(([name, value]) => element.setAttribute(name, value));
        overlay.append(element);
        return element;
      };
      overlay.replaceChildren();
      for (const { places, chosen } of lines) {
        const points = places.map((indices) => page.shareOf(space, placeOf(space, indices)));
        const list = points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
        draw("polyline", { points: list, class: "halo" });
        draw("polyline", { points: list, class: chosen ? "chosen" : "other" });
      }
      for (const { places, letter } of marks) {
        const [cx, cy] = page.shareOf(space, placeOf(space, places));
        draw("circle", { cx, cy, r: letter ? 2.6 : 1.4 });
        draw("text", { x: cx, y: cy + 1.2 }).textContent = letter;
      }
    }
  }

  // What to type for the same.

  const quote = (text) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const say = (panel, text) => (panel.querySelector("code").textContent = text);
  const command = (flags) => (isPair ? `--run ${quote(known.models[models.indexOf(chosen)].run)} ${flags}` : flags);

  function expressionOf(terms) {
    if (terms.some(([, term]) => term === null || /\s/.test(term.replace(/^".*"$/, "")))) {
      return "training images, drawings and file names with spaces are no terms of --expression";
    }
    const sum = terms.map(([amount, term], at) => {
      const size = Math.abs(amount) === 1 ? "" : `${Math.abs(amount)}*`;
      const sign = amount < 0 ? "- " : at ? "+ " : "";
      return `${sign}${size}${term}`;
    });
    return command(`--arithmetic --expression '${sum.join(" ").replaceAll("'", "'\\''")}'`);
  }

  const nameOf = ({ name }) => (/^[A-Za-z][\w:=]*$/.test(name) ? name : `"${name}"`);

  // The panels are made anew for the model that is chosen; images that were chosen stay so. What the
  // model that was chosen before is still to answer is answered to nobody.

  function choose(model) {
    tabs.panels[tabs.shown()]?.leave?.();
    const before = { trays, drawing, ...tabs.panels.change?.carry(), ...tabs.panels.calculate?.carry() };
    [chosen, offers, trays, traces] = [model, [], {}, {}];
    models.forEach((each) => each.button.setAttribute("aria-pressed", each === model));
    const { facts } = model;
    const pending = new Promise(() => {});
    const mine = trays;
    const ask = async (what, more) => {
      const answer = await model.ask(what, more);
      return mine === trays ? answer : pending;
    };
    const tools = {
      ...{ facts, page, ask, pictureOf, put, clear, makeSlots, keepDrawing, before, tell, command },
      ...{ partOf, termOf, callOf, nameOf, showFound, trace, quote, say, expressionOf },
      makeLatest: (show) => makeLatest(ask, show),
    };
    Object.assign(tabs.panels, {
      walk: makeWalk(tools),
      change: makeChange(tools),
      calculate: makeCalculate(tools),
      draw: makeDrawing(tools),
    });
    for (const [panel, { filled }] of Object.entries(before.trays)) {
      for (const [letter, subject] of Object.entries(filled).filter(([, subject]) => subject)) {
        encode(subject, ask).then((own) => trays[panel].fill(own, letter));
      }
    }
    redraw();
    model.ask().then(() => {
      if (!document.body.classList.contains("live")) {
        tabs.offer(WORKING);
        document.body.classList.add("live");
      }
    });
  }

  // An image as the chosen model has it.

  async function encode(subject, ask) {
    if (!subject.image) {
      return subject;
    }
    const { codes, near } = await ask("encode", { image: subject.image, near: chosen.facts.place });
    return { ...subject, code: codes, near: near[0] };
  }

  for (const model of models.filter(({ facts }) => !facts.networks)) {
    giveUp(model, model.facts);
  }
  const first = models.find(({ why }) => !why);
  if (first) {
    choose(first);
  }

  return {
    ask: (...question) => chosen.ask(...question),
    redraw,
    drawn: () => drawing,
    // What draws between the images on a map: from images and weights, for `then`.
    drawerOf(space) {
      const model = models[known.drawnBy[space]];
      const draw = (parts, then) => {
        model.then = then;
        model.between("make", { parts, near: 0 });
      };
      return model.why ? null : { letter: model.letter, draw };
    },
  };
}
